//! HTTP requests, as far as files are concerned.

use std::io::{self, Read};

use httparse::{EMPTY_HEADER, Status};

/// The most bytes of a request's head.
const MAX_HEAD: usize = 16 << 10;

/// The most headers of a request.
const MAX_HEADERS: usize = 100;

/// A request, as far as files are concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// The path as it was sent, without the query.
    pub(super) path: String,
    /// The value of `If-None-Match`: tags of versions of the file that the client has.
    pub(super) if_none_match: Option<String>,
    /// The value of `If-Modified-Since`: the time of the version that the client has.
    pub(super) if_modified_since: Option<String>,
    /// The encodings that the client takes, in lower case.
    pub(super) encodings: String,
    /// Another request may follow on the connection.
    pub(super) keep_alive: bool,
}

/// Reads a request; `None` when the client has closed the connection or sends something else.
///
/// `buffer` keeps the bytes after it, which belong to the next one.
pub(super) fn read(stream: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let mut chunk = [0; 4096];
    loop {
        match parse(buffer) {
            Ok(Status::Complete((length, request))) => {
                buffer.drain(..length);
                return Ok(request);
            }
            Ok(Status::Partial) if buffer.len() <= MAX_HEAD => {}
            Ok(Status::Partial) | Err(_) => return Ok(None),
        }
        match stream.read(&mut chunk)? {
            0 => return Ok(None),
            count => buffer.extend_from_slice(&chunk[..count]),
        }
    }
}

/// Parses the head of a request, and returns its length too. The request is `None` when it is not for a
/// path of this server, as those for proxies are not.
fn parse(bytes: &[u8]) -> httparse::Result<(usize, Option<Request>)> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let Status::Complete(length) = head.parse(bytes)? else {
        return Ok(Status::Partial);
    };
    let target = head.path.unwrap_or_default();
    if !target.starts_with('/') {
        return Ok(Status::Complete((length, None)));
    }
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let mut request = Request {
        method: head.method.unwrap_or_default().to_owned(),
        path: path.to_owned(),
        keep_alive: head.version == Some(1),
        ..Request::default()
    };
    for header in head.headers {
        let value = String::from_utf8_lossy(header.value.trim_ascii());
        match header.name.to_ascii_lowercase().as_str() {
            "if-none-match" => add(&mut request.if_none_match, &value),
            "if-modified-since" => add(&mut request.if_modified_since, &value),
            "accept-encoding" => request.encodings = value.to_ascii_lowercase(),
            "connection" if value.eq_ignore_ascii_case("close") => request.keep_alive = false,
            // A body is not read, and must not be taken for the next request.
            "content-length" if value != "0" => request.keep_alive = false,
            "transfer-encoding" => request.keep_alive = false,
            _ => {}
        }
    }
    Ok(Status::Complete((length, Some(request))))
}

/// Adds the value of a header. Several lines of it are one list.
fn add(list: &mut Option<String>, value: &str) {
    match list {
        Some(list) => {
            list.push_str(", ");
            list.push_str(value);
        }
        None => *list = Some(value.into()),
    }
}

/// Returns the components of a path; `None` when it is not the path of a public file.
pub(super) fn components(path: &str) -> Option<Vec<String>> {
    let mut components = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let part = decode(part)?;
        let is_hidden = part.starts_with('.') && part != ".well-known";
        let is_odd = |c: char| c.is_control() || c == '/' || c == '\\';
        if is_hidden || part.contains(is_odd) {
            return None;
        }
        components.push(part);
    }
    Some(components)
}

/// Decodes `%41`.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn requests_of_one_connection_are_read_in_turn() {
        let text =
            b"GET /a%20b?q=1 HTTP/1.1\r\nIf-None-Match: \"x\"\r\nIf-None-Match:\"y\"\r\nAccept-Encoding: GZIP, br\r\n\r\n\
            HEAD / HTTP/1.0\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
        let (mut stream, mut buffer) = (&text[..], Vec::new());
        let first = read(&mut stream, &mut buffer).unwrap().unwrap();
        assert_eq!((first.path.as_str(), first.keep_alive), ("/a%20b", true));
        assert_eq!(
            (first.if_none_match.as_deref(), first.encodings.as_str()),
            (Some("\"x\", \"y\""), "gzip, br")
        );
        let second = read(&mut stream, &mut buffer).unwrap().unwrap();
        assert_eq!((second.method.as_str(), second.keep_alive), ("HEAD", false));
        assert!(!read(&mut stream, &mut buffer).unwrap().unwrap().keep_alive);
        assert_eq!(read(&mut stream, &mut buffer).unwrap(), None);
    }

    #[test]
    fn malformed_and_oversized_heads_are_refused() {
        let lines = |count: usize| "X: y\r\n".repeat(count);
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(2 * MAX_HEAD));
        for (text, expected) in [
            (
                format!("GET / HTTP/1.1\r\n{}\r\n", lines(MAX_HEADERS)),
                true,
            ),
            (
                format!("GET / HTTP/1.1\r\n{}\r\n", lines(MAX_HEADERS + 1)),
                false,
            ),
            (format!("GET / HTTP/1.1\r\n{}", lines(MAX_HEAD)), false),
            (long, false),
            ("GET / HTTP/1.1\r\nHost: x".into(), false),
            ("GET / HTTP/1.1\r\nHost : x\r\n\r\n".into(), false),
            ("GET / HTTP/1.1\r\nno colon\r\n\r\n".into(), false),
            ("GET / HTTP/1.1\r\nX: a\0b\r\n\r\n".into(), false),
            ("GET / HTTP/2.0\r\n\r\n".into(), false),
            ("GET http://example.com/ HTTP/1.1\r\n\r\n".into(), false),
            ("CONNECT example.com:443 HTTP/1.1\r\n\r\n".into(), false),
            ("GET /\r\n\r\n".into(), false),
            ("\x16\x03\x01\0".into(), false),
        ] {
            let request = read(&mut text.as_bytes(), &mut Vec::new()).unwrap();
            assert_eq!(request.is_some(), expected, "{text:.60}");
        }
    }

    #[test]
    fn requests_that_a_body_may_follow_end_the_connection() {
        for (header, expected) in [
            ("Host: x", true),
            ("Content-Length:  0 ", true),
            ("Content-Length: 1", false),
            ("transfer-encoding: chunked", false),
            ("Connection: CLOSE", false),
        ] {
            let text = format!("GET / HTTP/1.1\r\n{header}\r\n\r\n");
            let request = read(&mut text.as_bytes(), &mut Vec::new())
                .unwrap()
                .unwrap();
            assert_eq!(request.keep_alive, expected, "{header}");
        }
    }

    #[test]
    fn hidden_files_and_parents_have_no_components() {
        let names = |path| components(path).map(|names| names.join("|"));
        assert_eq!(names("/").as_deref(), Some(""));
        assert_eq!(names("//a/%62c/").as_deref(), Some("a|bc"));
        assert_eq!(names("/.well-known/x").as_deref(), Some(".well-known|x"));
        for path in [
            "/../a",
            "/a/..",
            "/%2e%2e/a",
            "/a%2fb",
            "/a%5cb",
            "/.env",
            "/a%00",
            "/%zz",
            "/%f",
        ] {
            assert_eq!(names(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn components_never_lead_out_of_the_root(path in "(/|%2[eEfF]|%5c|\\.|a|%){0,12}") {
            for name in components(&path).unwrap_or_default() {
                prop_assert!(name != ".." && !name.contains('/') && !name.contains('\\'));
            }
        }
    }
}
