//! The answer to a request: a file, a redirect or a status.

use std::{
    fs,
    path::{Path, PathBuf},
};

use s2i_core::detect::INDEX;

use super::request::{Request, components};

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A file.
    File(Found),
    /// The same with a slash at the end.
    Redirect(String),
    /// Nothing but a status.
    Status(&'static str),
}

/// A file that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// The media type.
    pub(super) kind: &'static str,
    /// How its bytes are encoded, where a compressed file stands beside it.
    pub(super) encoding: Option<&'static str>,
    /// The file is the one that was asked for, and not the page for a missing one.
    pub(super) is_page_asked_for: bool,
}

/// Chooses. A page that is not there is `404.html`, else the index, which may be an application that
/// has pages of its own.
pub(super) fn choose(root: &Path, request: &Request) -> Answer {
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return Answer::Status("405 Method Not Allowed");
    }
    let Some(names) = components(&request.path) else {
        return missing(root, "", request);
    };
    let path = names
        .iter()
        .fold(root.to_owned(), |path, name| path.join(name));
    let last = names.last().map_or("", String::as_str);
    if path.is_dir() {
        let index = path.join(INDEX);
        if !index.is_file() {
            return missing(root, last, request);
        }
        if !request.path.ends_with('/') {
            let raw = request.path.rsplit('/').next().unwrap_or_default();
            // Relative, so that a path such as `//host` leads nowhere else.
            return Answer::Redirect(format!("./{raw}/"));
        }
        return file(root, &index, true, request);
    }
    if path.is_file() && !request.path.ends_with('/') {
        return file(root, &path, true, request);
    }
    let page = path.with_file_name(format!("{last}.html"));
    if !last.is_empty() && page.is_file() {
        return file(root, &page, true, request);
    }
    missing(root, last, request)
}

fn missing(root: &Path, last: &str, request: &Request) -> Answer {
    let page = root.join("404.html");
    if page.is_file() {
        return file(root, &page, false, request);
    }
    let index = root.join(INDEX);
    if last.is_empty() || last.contains('.') || !index.is_file() {
        return Answer::Status("404 Not Found");
    }
    file(root, &index, true, request)
}

fn file(root: &Path, path: &Path, is_page_asked_for: bool, request: &Request) -> Answer {
    // A link may lead anywhere.
    let inside = |path: &Path| {
        let (path, root) = (fs::canonicalize(path).ok()?, fs::canonicalize(root).ok()?);
        path.starts_with(root).then_some(path)
    };
    let Some(real) = inside(path) else {
        return Answer::Status("404 Not Found");
    };
    let kind = kind(path);
    for (encoding, ending) in [("br", ".br"), ("gzip", ".gz")] {
        let mut packed = path.as_os_str().to_owned();
        packed.push(ending);
        let packed = Some(PathBuf::from(packed)).filter(|path| path.is_file());
        let is_wanted = accepts(&request.encodings, encoding);
        if let Some(packed) = packed.filter(|_| is_wanted).and_then(|path| inside(&path)) {
            return Answer::File(Found {
                path: packed,
                kind,
                encoding: Some(encoding),
                is_page_asked_for,
            });
        }
    }
    Answer::File(Found {
        path: real,
        kind,
        encoding: None,
        is_page_asked_for,
    })
}

fn accepts(encodings: &str, encoding: &str) -> bool {
    encodings.split(',').any(|entry| {
        let (name, weight) = entry.split_once(';').unwrap_or((entry, ""));
        let is_refused = matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        name.trim() == encoding && !is_refused
    })
}

/// Returns the media type of a file, by its extension.
fn kind(path: &Path) -> &'static str {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    match extension.to_str().unwrap_or_default() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "xml" => "application/xml",
        "txt" => "text/plain; charset=utf-8",
        "md" => "text/markdown; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        "pdf" => "application/pdf",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn request(path: &str, encodings: &str) -> Request {
        Request {
            method: "GET".into(),
            path: path.into(),
            encodings: encodings.into(),
            ..Request::default()
        }
    }

    fn show(root: &Path, request: &Request) -> String {
        match choose(root, request) {
            Answer::File(found) => {
                let root = fs::canonicalize(root).unwrap();
                let path = found.path.strip_prefix(root).unwrap().display();
                let status = if found.is_page_asked_for { 200 } else { 404 };
                let encoding = found.encoding.unwrap_or("-");
                format!("{status} {path} {} {encoding}", found.kind)
            }
            Answer::Redirect(to) => format!("-> {to}"),
            Answer::Status(status) => status.into(),
        }
    }

    #[test]
    fn files_pages_directories_and_what_is_not_there() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        };
        for name in [
            "index.html",
            "a.js",
            "a.js.gz",
            "a.js.br",
            "docs/index.html",
            "about.html",
            "empty/x",
        ] {
            write(name);
        }
        symlink("/etc/passwd", root.path().join("passwd.txt")).unwrap();
        let html = "text/html; charset=utf-8";
        let script = "text/javascript; charset=utf-8";
        for (path, encodings, expected) in [
            ("/", "", format!("200 index.html {html} -")),
            ("/a.js", "", format!("200 a.js {script} -")),
            (
                "/a.js",
                "gzip, br;q=0.5",
                format!("200 a.js.br {script} br"),
            ),
            (
                "/a.js",
                "br;q=0, gzip",
                format!("200 a.js.gz {script} gzip"),
            ),
            ("/docs", "", "-> ./docs/".into()),
            ("/docs/", "", format!("200 docs/index.html {html} -")),
            ("/about", "", format!("200 about.html {html} -")),
            ("/app/page", "", format!("200 index.html {html} -")),
            ("/none.js", "", "404 Not Found".into()),
            ("/empty", "", format!("200 index.html {html} -")),
            ("/../etc/passwd", "", "404 Not Found".into()),
            ("/passwd.txt", "", "404 Not Found".into()),
        ] {
            assert_eq!(
                show(root.path(), &request(path, encodings)),
                expected,
                "{path}"
            );
        }
        write("404.html");
        for path in ["/app/page", "/none.js", "/.env"] {
            let expected = format!("404 404.html {html} -");
            assert_eq!(show(root.path(), &request(path, "")), expected, "{path}");
        }
        let mut post = request("/", "");
        post.method = "POST".into();
        assert_eq!(show(root.path(), &post), "405 Method Not Allowed");
    }
}
