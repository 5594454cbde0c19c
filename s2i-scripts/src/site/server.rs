//! The connections of the server: a few threads that take turns.

use std::{
    fs::File,
    io::{self, Read as _, Write},
    net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream},
    path::Path,
    thread,
    time::{Duration, SystemTime},
};

use super::{
    answer::{self, Answer, Content},
    request::{self, Request},
    validators::{Tags, Validators},
};

/// The number of connections that are served at once.
const THREADS: usize = 64;

/// The size of a thread's stack, in bytes: no file is held in memory.
const STACK: usize = 128 << 10;

/// The time that a client may send or take nothing.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Listens on all addresses.
pub(super) fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
        .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))
}

/// Serves without an end.
pub(super) fn serve(listener: &TcpListener, root: &Path) -> io::Result<()> {
    let tags = Tags::default();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, || {
                    loop {
                        match listener.accept() {
                            // A client that goes away is not an error.
                            Ok((stream, _)) => drop(serve_connection(stream, root, &tags)),
                            // All descriptors may be in use for a moment.
                            Err(_) => thread::sleep(Duration::from_millis(50)),
                        }
                    }
                })?;
        }
        Ok(())
    })
}

fn serve_connection(mut stream: TcpStream, root: &Path, tags: &Tags) -> io::Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(request) = request::read(&mut stream, &mut buffer)? {
        reply(&mut stream, &request, &answer::choose(root, &request), tags)?;
        if !request.keep_alive {
            break;
        }
    }
    Ok(())
}

fn reply(
    stream: &mut TcpStream,
    request: &Request,
    answer: &Answer,
    tags: &Tags,
) -> io::Result<()> {
    let connection = if request.keep_alive {
        "keep-alive"
    } else {
        "close"
    };
    let date = httpdate::fmt_http_date(SystemTime::now());
    let common =
        format!("Date: {date}\r\nConnection: {connection}\r\nX-Content-Type-Options: nosniff\r\n");
    match answer {
        Answer::Redirect(to) => write!(
            stream,
            "HTTP/1.1 308 Permanent Redirect\r\nLocation: {to}\r\nContent-Length: 0\r\n{common}\r\n"
        ),
        Answer::Status(status) => {
            let body = if request.method == "HEAD" { "" } else { status };
            let head = format!("Content-Type: text/plain\r\nAllow: GET, HEAD\r\n{common}");
            let length = status.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{head}\r\n{body}"
            )
        }
        Answer::File(content) => send(stream, request, content, &common, tags),
    }
}

fn send(
    stream: &mut TcpStream,
    request: &Request,
    content: &Content,
    common: &str,
    tags: &Tags,
) -> io::Result<()> {
    let mut file = File::open(&content.path)?;
    let length = file.metadata()?.len();
    let validators = Validators::of(&mut file, &content.path, tags)?;
    let encoding = content.encoding.map_or(String::new(), |encoding| {
        format!("Content-Encoding: {encoding}\r\n")
    });
    let head = format!(
        "Content-Type: {}\r\nETag: {}\r\nLast-Modified: {}\r\nCache-Control: no-cache\r\nVary: Accept-Encoding\r\n{encoding}{common}",
        content.media_type, validators.tag, validators.modified
    );
    let status = if content.is_not_found {
        "404 Not Found"
    } else if validators.are_known(request) {
        return write!(stream, "HTTP/1.1 304 Not Modified\r\n{head}\r\n");
    } else {
        "200 OK"
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{head}\r\n"
    )?;
    if request.method != "HEAD" {
        // A file in a volume may grow meanwhile.
        let sent = io::copy(&mut file.take(length), stream)?;
        if sent < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}
