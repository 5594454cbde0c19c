//! As much of HTTP/1.1 as a client of a container engine uses.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
};

/// The end of a body in chunks.
pub(crate) const END: &[u8] = b"0\r\n\r\n";

pub(crate) type Connection = BufReader<UnixStream>;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// Reads the next request; `None` when the client has no more.
    pub(crate) async fn read(connection: &mut Connection) -> io::Result<Option<Self>> {
        let Some(line) = read_line(connection).await? else {
            return Ok(None);
        };
        let mut words = line.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut call = Self {
            method,
            path: without_version(path).to_owned(),
            query: query.to_owned(),
            headers: BTreeMap::new(),
            body: Vec::new(),
        };
        while let Some((name, value)) = read_line(connection).await?.as_deref().and_then(header) {
            call.headers.insert(name, value);
        }
        if call.headers.contains_key("transfer-encoding") {
            while read_chunk(connection, &mut call.body).await? {}
        } else if let Some(length) = call.headers.get("content-length") {
            call.body = vec![0; length.parse().expect("a length")];
            connection.read_exact(&mut call.body).await?;
        }
        Ok(Some(call))
    }

    /// The value of this name in the query, decoded.
    pub(crate) fn asked(&self, name: &str) -> Option<String> {
        let pairs = self
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(key, _)| *key == name);
        values.next().map(|(_, value)| decoded(value))
    }
}

/// `/v1.41/info` is `/info`.
fn without_version(path: &str) -> &str {
    let versioned = path.strip_prefix("/v1.").and_then(|rest| rest.find('/'));
    versioned.map_or(path, |at| &path["/v1.".len() + at..])
}

fn header(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.to_ascii_lowercase(), value.trim().to_owned()))
}

async fn read_line(connection: &mut Connection) -> io::Result<Option<String>> {
    let mut line = String::new();
    let count = connection.read_line(&mut line).await?;
    Ok((count > 0).then(|| line.trim_end().to_owned()))
}

async fn read_chunk(connection: &mut Connection, body: &mut Vec<u8>) -> io::Result<bool> {
    let length = read_line(connection).await?.unwrap_or_default();
    let length = usize::from_str_radix(&length, 16).map_err(io::Error::other)?;
    let start = body.len();
    body.resize(start + length, 0);
    connection.read_exact(&mut body[start..]).await?;
    read_line(connection).await?;
    Ok(length > 0)
}

/// The value of a form, readable.
pub(crate) fn decoded(value: &str) -> String {
    let mut bytes = value.bytes();
    let mut text = Vec::new();
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next(), bytes.next()].map(|digit| digit.expect("two digits"));
                let digits = str::from_utf8(&digits).expect("digits");
                u8::from_str_radix(digits, 16).expect("hexadecimal")
            }
            byte => byte,
        });
    }
    String::from_utf8(text).expect("text")
}

/// A chunk of a body; nothing for an empty piece, which would be the end.
fn chunk(piece: &[u8]) -> Vec<u8> {
    if piece.is_empty() {
        return Vec::new();
    }
    [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
}

/// The index of a piece of an answer that is sent again and again, and the control of that.
pub(crate) type Repeat = (usize, Arc<Repetition>);

/// The control of a repetition.
#[derive(Debug, Default)]
pub(crate) struct Repetition {
    /// True if nothing is sent for the moment.
    pub(crate) is_paused: AtomicBool,
    /// True if the rest of the answer follows.
    pub(crate) is_over: AtomicBool,
}

/// An answer: a status and a body in the pieces that it is sent in.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) pieces: Vec<Vec<u8>>,
    /// Ends the connection in the middle of the body.
    pub(crate) cut: bool,
    /// A piece that is sent many times.
    pub(crate) repeat: Option<Repeat>,
}

impl Reply {
    pub(crate) fn empty(status: u16) -> Self {
        Self::pieces(status, &[])
    }

    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::pieces(status, &[&format!("{body}\n")])
    }

    pub(crate) fn error(status: u16, message: &str) -> Self {
        Self::json(status, &serde_json::json!({ "message": message }))
    }

    pub(crate) fn pieces(status: u16, pieces: &[&str]) -> Self {
        Self {
            status,
            pieces: pieces
                .iter()
                .map(|piece| piece.as_bytes().to_vec())
                .collect(),
            cut: false,
            repeat: None,
        }
    }

    /// The same body, a byte a piece.
    fn dribbled(self) -> Self {
        let pieces = self.pieces.concat().into_iter().map(|byte| vec![byte]);
        Self {
            pieces: pieces.collect(),
            ..self
        }
    }

    /// Half of the body, then the end of the connection.
    pub(crate) fn cut(mut self) -> Self {
        let body = self.pieces.concat();
        self.pieces = vec![body[..body.len() / 2].to_vec()];
        self.cut = true;
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head();
        bytes.extend(self.pieces.iter().flat_map(|piece| chunk(piece)));
        bytes.extend(self.end());
        bytes
    }

    fn head(&self) -> Vec<u8> {
        let body = match self.status {
            204 => "",
            _ => "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n",
        };
        format!("HTTP/1.1 {} Answer\r\n{body}\r\n", self.status).into_bytes()
    }

    fn end(&self) -> &'static [u8] {
        if self.cut || self.status == 204 {
            return b"";
        }
        END
    }

    /// Sends the answer; returns whether the connection goes on.
    pub(crate) async fn write(
        self,
        connection: &mut Connection,
        dribble: bool,
    ) -> io::Result<bool> {
        let reply = if dribble { self.dribbled() } else { self };
        let mut bytes = reply.head();
        for (at, piece) in reply.pieces.iter().enumerate() {
            bytes.extend(chunk(piece));
            let repeat = reply.repeat.as_ref().filter(|(piece, _)| *piece == at);
            while let Some((_, control)) = repeat
                && !control.is_over.load(Ordering::SeqCst)
            {
                if !control.is_paused.load(Ordering::SeqCst) {
                    connection.write_all(&bytes).await?;
                    connection.flush().await?;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
                bytes = chunk(piece);
            }
        }
        bytes.extend(reply.end());
        let step = if dribble { 1 } else { bytes.len() };
        for piece in bytes.chunks(step) {
            connection.write_all(piece).await?;
            connection.flush().await?;
            if dribble {
                tokio::task::yield_now().await;
            }
        }
        Ok(!reply.cut)
    }
}
