//! A small HTTP server whose answers a test makes up.

use std::{
    fmt::Display,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Method and path, as tests list them.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn read(stream: &mut BufReader<TcpStream>, pace: Duration) -> Option<Self> {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let mut words = line.split(' ').map(str::to_owned);
        let mut request = Self {
            method: words.next()?,
            path: words.next()?,
            ..Self::default()
        };
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok()?;
            let Some((key, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            request
                .headers
                .push((key.to_ascii_lowercase(), value.to_owned()));
        }
        let length = request.header("content-length").map_or(Ok(0), str::parse);
        let mut left: usize = length.ok()?;
        while left > 0 {
            let mut piece = vec![0; left.min(256 * 1024)];
            stream.read_exact(&mut piece).ok()?;
            left -= piece.len();
            request.body.extend(piece);
            thread::sleep(pace);
        }
        Some(request)
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    cut: Option<usize>,
    hang: bool,
    chunked: bool,
    trickle: Option<Duration>,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            cut: None,
            hang: false,
            chunked: false,
            trickle: None,
        }
    }

    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200).body(body)
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn header(mut self, key: &str, value: &(impl Display + ?Sized)) -> Self {
        self.headers.push((key.into(), format!("{value}")));
        self
    }

    /// Closes the connection after so many bytes of the body.
    pub(crate) fn cut(mut self, at: usize) -> Self {
        self.cut = Some(at);
        self
    }

    /// Sends nothing more after so many bytes of the body, and keeps the connection.
    pub(crate) fn hang(mut self, at: usize) -> Self {
        self.hang = true;
        self.cut(at)
    }

    /// Sends the body without its length.
    pub(crate) fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// Sends one byte after the other, with this pause between them.
    pub(crate) fn trickle(mut self, pause: Duration) -> Self {
        self.trickle = Some(pause);
        self
    }

    fn write(&self, to: &mut TcpStream, has_body: bool, stop: &AtomicBool) -> std::io::Result<()> {
        let status = self.status;
        write!(to, "HTTP/1.1 {status} Some Reason\r\nConnection: close\r\n")?;
        for (key, value) in &self.headers {
            write!(to, "{key}: {value}\r\n")?;
        }
        if !self.chunked {
            write!(to, "Content-Length: {}\r\n", self.body.len())?;
        }
        write!(to, "\r\n")?;
        if let Some(pause) = self.trickle {
            for byte in &self.body {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                to.write_all(&[*byte])?;
                thread::sleep(pause);
            }
        } else if has_body {
            to.write_all(&self.body[..self.cut.unwrap_or(self.body.len())])?;
        }
        while self.hang && !stop.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// The path of the check whether a host is a registry.
const GREETING: &str = "/v2/";

/// A server on a port of its own, until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Starts a server with these answers, which is a registry according to its greeting.
    pub(crate) fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::paced(Duration::ZERO, answer)
    }

    /// The same, and reads bodies in pieces with pauses.
    pub(crate) fn paced(
        pace: Duration,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), pace, answer)
    }

    /// The same on this socket.
    pub(crate) fn on(
        listener: TcpListener,
        pace: Duration,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::listen(listener, pace, move |request| match request.path.as_str() {
            GREETING => Reply::new(200),
            _ => answer(request),
        })
    }

    /// The same with an own answer to the check whether it is a registry.
    pub(crate) fn reserved(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::listen(listener, Duration::ZERO, answer)
    }

    fn listen(
        listener: TcpListener,
        pace: Duration,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let server = Self {
            address: listener.local_addr().unwrap(),
            log: Arc::default(),
            stop: Arc::default(),
        };
        let (log, stop) = (Arc::clone(&server.log), Arc::clone(&server.stop));
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                let stop = Arc::clone(&stop);
                thread::spawn(move || serve(stream, pace, &*answer, &log, &stop));
            }
        });
        server
    }

    /// Returns the requests, without those that check whether it is a registry.
    pub(crate) fn log(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }

    /// The same as lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.log().iter().map(Request::line).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    stream: TcpStream,
    pace: Duration,
    answer: &(dyn Fn(&Request) -> Reply + Send + Sync),
    log: &Mutex<Vec<Request>>,
    stop: &AtomicBool,
) {
    let mut writer = stream.try_clone().unwrap();
    let Some(request) = Request::read(&mut BufReader::new(stream), pace) else {
        return;
    };
    if request.path != GREETING {
        log.lock().unwrap().push(request.clone());
    }
    let reply = answer(&request);
    // A client that has gone is none of the server's business.
    let _ = reply.write(&mut writer, request.method != "HEAD", stop);
}
