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
    File(Content),
    /// A redirect to the same path with a slash at the end.
    Redirect(String),
    /// Nothing but a status.
    Status(&'static str),
}

/// A file that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) path: PathBuf,
    pub(super) media_type: &'static str,
    /// The encoding of its bytes, where a compressed file stands beside the requested one.
    pub(super) encoding: Option<&'static str>,
    /// The file is the page for a missing one.
    pub(super) is_not_found: bool,
}

const NOT_FOUND: Answer = Answer::Status("404 Not Found");

/// Chooses the answer. A page that does not exist is `404.html`, else the index, which may be an application that
/// has pages of its own.
pub(super) fn choose(root: &Path, request: &Request) -> Answer {
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return Answer::Status("405 Method Not Allowed");
    }
    let Some(names) = components(&request.path) else {
        return not_found(root, "", request);
    };
    let mut path = root.to_owned();
    path.extend(&names);
    let last = names.last().map_or("", String::as_str);
    let has_slash = request.path.ends_with('/');
    if path.is_dir() {
        let index = path.join(INDEX);
        if !index.is_file() {
            return not_found(root, last, request);
        }
        if !has_slash {
            let raw = request.path.rsplit('/').next().unwrap_or_default();
            // Relative, so that a path such as `//host` leads nowhere else.
            return Answer::Redirect(format!("./{raw}/"));
        }
        return file(root, &index, false, request);
    }
    if path.is_file() && !has_slash {
        return file(root, &path, false, request);
    }
    let page = path.with_file_name(format!("{last}.html"));
    if !last.is_empty() && page.is_file() {
        return file(root, &page, false, request);
    }
    not_found(root, last, request)
}

fn not_found(root: &Path, last: &str, request: &Request) -> Answer {
    let page = root.join("404.html");
    if page.is_file() {
        return file(root, &page, true, request);
    }
    let index = root.join(INDEX);
    if last.is_empty() || last.contains('.') || !index.is_file() {
        return NOT_FOUND;
    }
    file(root, &index, false, request)
}

fn file(root: &Path, path: &Path, is_not_found: bool, request: &Request) -> Answer {
    // A link may lead anywhere.
    let inside = |path: &Path| {
        let (path, root) = (fs::canonicalize(path).ok()?, fs::canonicalize(root).ok()?);
        (path.starts_with(root) && path.is_file()).then_some(path)
    };
    let Some(plain) = inside(path) else {
        return NOT_FOUND;
    };
    let packed = [("br", ".br"), ("gzip", ".gz")].into_iter();
    let packed = packed
        .filter(|(encoding, _)| accepts(&request.encodings, encoding))
        .find_map(|(encoding, ending)| {
            let mut packed = path.as_os_str().to_owned();
            packed.push(ending);
            Some((inside(packed.as_ref())?, encoding))
        });
    let media_type = media_type(path);
    let (path, encoding) = packed.map_or((plain, None), |(path, name)| (path, Some(name)));
    Answer::File(Content {
        path,
        media_type,
        encoding,
        is_not_found,
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
fn media_type(path: &Path) -> &'static str {
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
            Answer::File(content) => {
                let root = fs::canonicalize(root).unwrap();
                let path = content.path.strip_prefix(root).unwrap().display();
                let status = if content.is_not_found { 404 } else { 200 };
                let encoding = content.encoding.unwrap_or("-");
                format!("{status} {path} {} {encoding}", content.media_type)
            }
            Answer::Redirect(to) => format!("-> {to}"),
            Answer::Status(status) => status.into(),
        }
    }

    #[test]
    fn files_pages_and_directories_are_served() {
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
