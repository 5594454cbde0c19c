//! Small requests, by hand: enough to ask an engine whether it is there, to run a container, to remove
//! what was made.

use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// How long one answer may take. Removing a container waits for its end.
const PATIENCE: Duration = Duration::from_secs(30);

/// `POST` of JSON; the answer is JSON.
pub(crate) fn post(url: &str, path: &str, body: &Value) -> Result<Value> {
    let show = || format!("POST {url}{path}");
    let text = exchange(url, "POST", path, &body.to_string()).with_context(show)?;
    let answer = parse(&text).with_context(show)?;
    serde_json::from_str(&answer).with_context(|| format!("{} answered no JSON: {answer}", show()))
}

/// Sends a request to an engine and returns the body of its answer, when the answer is a success.
pub(crate) fn request(url: &str, method: &str, path: &str) -> Result<String> {
    let text = exchange(url, method, path, "").with_context(|| format!("{method} {url}{path}"))?;
    parse(&text).with_context(|| format!("{method} {url}{path}"))
}

/// `GET`, and the answer is JSON.
pub(crate) fn get(url: &str, path: &str) -> Result<Value> {
    let body = request(url, "GET", path)?;
    serde_json::from_str(&body).with_context(|| format!("GET {url}{path} answered no JSON: {body}"))
}

/// Version 1.0 of the protocol: the answer is not in chunks, and ends with the connection.
fn exchange(url: &str, method: &str, path: &str, body: &str) -> Result<String> {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    if let Some(socket) = url.strip_prefix("unix://") {
        let stream = UnixStream::connect(socket).context("can't connect")?;
        stream
            .set_read_timeout(Some(PATIENCE))
            .context("can't set a time limit")?;
        talk(stream, &request)
    } else if let Some(address) = url.strip_prefix("http://") {
        let stream = TcpStream::connect(address).context("can't connect")?;
        stream
            .set_read_timeout(Some(PATIENCE))
            .context("can't set a time limit")?;
        talk(stream, &request)
    } else {
        bail!("neither unix:// nor http://")
    }
}

fn talk(mut stream: impl Read + Write, request: &str) -> Result<String> {
    stream.write_all(request.as_bytes()).context("can't send")?;
    let mut answer = Vec::new();
    stream
        .read_to_end(&mut answer)
        .context("can't read the answer")?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn parse(answer: &str) -> Result<String> {
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("the answer has no end of head")?;
    let status = head.split(' ').nth(1).context("the answer has no status")?;
    ensure!(status.starts_with('2'), "status {status}: {body}");
    Ok(body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_success_has_a_body() {
        assert_eq!(parse("HTTP/1.0 200 OK\r\nA: b\r\n\r\n{}").unwrap(), "{}");
        assert!(
            parse("HTTP/1.0 500 No\r\n\r\nbroken")
                .unwrap_err()
                .to_string()
                .contains("broken")
        );
        assert!(parse("HTTP/1.0 200 OK\r\n").is_err());
    }
}
