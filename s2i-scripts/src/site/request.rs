//! What a client asks for.

use std::io::{self, Read};

/// The most bytes of a request's head.
const LARGEST: usize = 16 << 10;

/// A request, as far as files are concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// The path as it was sent, without the query.
    pub(super) path: String,
    /// What the client has already.
    pub(super) tags: Option<String>,
    /// The encodings that it takes.
    pub(super) encodings: String,
    /// Another request may follow on the connection.
    pub(super) stays: bool,
}

/// Reads a request; `None` when the client has gone or sends something else.
///
/// `buffer` keeps what came with it and belongs to the next one.
pub(super) fn read(stream: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head: Vec<u8> = buffer.drain(..end + 4).collect();
            return Ok(std::str::from_utf8(&head).ok().and_then(parse));
        }
        if buffer.len() > LARGEST {
            return Ok(None);
        }
        match stream.read(&mut chunk)? {
            0 => return Ok(None),
            count => buffer.extend_from_slice(&chunk[..count]),
        }
    }
}

fn parse(head: &str) -> Option<Request> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if !target.starts_with('/') || !version.starts_with("HTTP/1.") || words.next().is_some() {
        return None;
    }
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        stays: version != "HTTP/1.0",
        ..Request::default()
    };
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "if-none-match" => request.tags = Some(value.to_owned()),
            "accept-encoding" => request.encodings = value.to_ascii_lowercase(),
            "connection" if value.eq_ignore_ascii_case("close") => request.stays = false,
            // A body that nobody reads must not be taken for the next request.
            "content-length" if value != "0" => request.stays = false,
            "transfer-encoding" => request.stays = false,
            _ => {}
        }
    }
    Some(request)
}

/// The components of a path; `None` when it is none of a file that is to be seen.
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

/// Resolves `%41`.
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
    fn heads_are_read_one_after_the_other() {
        let text =
            b"GET /a%20b?q=1 HTTP/1.1\r\nIf-None-Match: \"x\"\r\nAccept-Encoding: GZIP, br\r\n\r\n\
            HEAD / HTTP/1.0\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
        let (mut stream, mut buffer) = (&text[..], Vec::new());
        let first = read(&mut stream, &mut buffer).unwrap().unwrap();
        assert_eq!((first.path.as_str(), first.stays), ("/a%20b", true));
        assert_eq!(
            (first.tags.as_deref(), first.encodings.as_str()),
            (Some("\"x\""), "gzip, br")
        );
        let second = read(&mut stream, &mut buffer).unwrap().unwrap();
        assert_eq!((second.method.as_str(), second.stays), ("HEAD", false));
        assert!(!read(&mut stream, &mut buffer).unwrap().unwrap().stays);
        assert_eq!(read(&mut stream, &mut buffer).unwrap(), None);
    }

    #[test]
    fn hidden_files_and_ways_out_are_no_paths() {
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
        fn nothing_leads_out(path in "(/|%2[eEfF]|%5c|\\.|a|%){0,12}") {
            for name in components(&path).unwrap_or_default() {
                prop_assert!(name != ".." && !name.contains('/') && !name.contains('\\'));
            }
        }
    }
}
