//! A small HTTP server on the loopback address, for models of other servers.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// A request: the method with the path, and the body.
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) body: String,
}

/// An answer: the code, the media type and the body.
pub(crate) struct Answer(pub(crate) u16, pub(crate) &'static str, pub(crate) String);

/// Answers requests until the process ends. Returns the address, with its port.
pub(crate) fn serve(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || while serve_one(&mut connection, &*answer).is_some() {});
        }
    });
    address
}

/// Answers one request. Returns `None` at the end of the connection.
fn serve_one(connection: &mut TcpStream, answer: &dyn Fn(&Request) -> Answer) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let lower = head.to_ascii_lowercase();
    let length = lower.split("content-length: ").nth(1);
    let length = length.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    connection.read_exact(&mut body).ok()?;
    let line = head.split(" HTTP/").next().unwrap().to_owned();
    let is_head = line.starts_with("HEAD ");
    let request = Request {
        line,
        body: String::from_utf8(body).unwrap(),
    };
    let Answer(code, kind, body) = answer(&request);
    let length = body.len();
    let body = if is_head { "" } else { &body };
    let head = format!(
        "HTTP/1.1 {code} Status\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    );
    connection.write_all((head + body).as_bytes()).ok()
}
