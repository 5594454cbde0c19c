//! What a source is for, by the files at its top: which of our builders would build it.

use std::fmt;

use s2i_core::ImageRef;
use serde::Deserialize;

use crate::facts::RootFile;

/// What people can read about what [`clues`] looks for.
pub const LOOKED_FOR: &str = "a `go.mod`, a `go.work` or a file of Go (for s2i/go); a `package.json` or a \
     `server.js`, `app.js`, `main.js` or `index.js` (for s2i/node); a program for Linux, an archive or an \
     `index.html` (for s2i/binary)";

/// A kind of source that there is a builder for, in the order in which the first one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Go. Before Node.js: what such a source has for Node.js is usually the front end of its program.
    Go,
    /// Node.js.
    Node,
    /// Programs that are built already, and sites.
    Binary,
}

/// The builder of each kind of source.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Builders {
    /// For [`Kind::Go`].
    pub go: ImageRef,
    /// For [`Kind::Node`].
    pub node: ImageRef,
    /// For [`Kind::Binary`].
    pub binary: ImageRef,
}

impl Default for Builders {
    fn default() -> Self {
        let image = |name: &str| name.parse().expect("a plain name");
        Self {
            go: image("s2i/go"),
            node: image("s2i/node"),
            binary: image("s2i/binary"),
        }
    }
}

impl Builders {
    /// The builder of a kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> &ImageRef {
        match kind {
            Kind::Go => &self.go,
            Kind::Node => &self.node,
            Kind::Binary => &self.binary,
        }
    }
}

/// A file that tells what a source is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clue {
    /// What it is for.
    pub kind: Kind,
    /// What people call it, with its article.
    pub file: String,
}

impl fmt::Display for Clue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)
    }
}

/// The most telling file for each kind that the source may be of; the first one decides.
#[must_use]
pub fn clues(root: &[RootFile]) -> Vec<Clue> {
    let kinds = [
        (Kind::Go, go(root)),
        (Kind::Node, node(root)),
        (Kind::Binary, binary(root)),
    ];
    let clue = |(kind, file): (Kind, Option<String>)| Some(Clue { kind, file: file? });
    kinds.into_iter().filter_map(clue).collect()
}

fn go(root: &[RootFile]) -> Option<String> {
    let is_code = |file: &&RootFile| {
        let stem = file.name.strip_suffix(".go");
        stem.is_some_and(|stem| !stem.ends_with("_test"))
    };
    let code = || root.iter().find(is_code);
    named(root, &["go.work", "go.mod"]).or_else(|| Some(format!("the Go file {}", shown(code()?))))
}

fn node(root: &[RootFile]) -> Option<String> {
    // What `s2i/node` starts where nothing says what.
    let starts = |file: &&RootFile| {
        let parts = file.name.rsplit_once('.');
        parts.is_some_and(|(stem, kind)| {
            matches!(stem, "server" | "app" | "main" | "index")
                && matches!(kind, "js" | "mjs" | "cjs")
        })
    };
    named(root, &["package.json"]).or_else(|| {
        let file = root.iter().find(starts)?;
        Some(format!("the file {}", shown(file)))
    })
}

fn binary(root: &[RootFile]) -> Option<String> {
    let first = |is_it: fn(&RootFile) -> bool, what: &str| {
        let file = root.iter().find(|file| is_it(file))?;
        Some(format!("{what} {}", shown(file)))
    };
    first(is_program, "the program")
        .or_else(|| first(is_archive, "the archive"))
        .or_else(|| named(root, &["index.html"]))
}

/// The first of these names that is there.
fn named(root: &[RootFile], names: &[&str]) -> Option<String> {
    let is_there = |name: &&&str| root.iter().any(|file| file.name == **name);
    let name = names.iter().find(is_there)?;
    let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    Some(format!("{article} {name}"))
}

/// The name as a terminal can take it: whoever wrote the source may have called a file anything.
fn shown(file: &RootFile) -> impl fmt::Display {
    file.name.escape_debug()
}

/// Whether it is a program for Linux or a system like it, and not a library or an object.
fn is_program(file: &RootFile) -> bool {
    const EXECUTABLE: u16 = 2;
    const POSITION_INDEPENDENT: u16 = 3;
    let [0x7f, b'E', b'L', b'F', _, order, rest @ ..] = &file.head[..] else {
        return false;
    };
    let Some(kind) = rest.get(10..12).map(|kind| [kind[0], kind[1]]) else {
        return false;
    };
    let kind = match order {
        2 => u16::from_be_bytes(kind),
        _ => u16::from_le_bytes(kind),
    };
    let is_library = file.name.split('.').any(|part| part == "so");
    matches!(kind, EXECUTABLE | POSITION_INDEPENDENT) && !is_library
}

/// Whether it is packed in a way that `s2i/binary` unpacks. What is in it only a build can tell.
fn is_archive(file: &RootFile) -> bool {
    let name = file.name.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    match &file.head[..] {
        [0x1f, 0x8b, ..] => ends(&[".gz", ".tgz"]),
        [b'P', b'K', 3, 4, ..] => ends(&[".zip"]),
        head => head.get(257..262) == Some(b"ustar") && ends(&[".tar"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file by its name, with what such a file begins with.
    fn file(name: &str) -> RootFile {
        let elf = |order, kind: [u8; 2]| {
            let mut head = vec![0x7f, b'E', b'L', b'F', 2, order];
            head.resize(16, 0);
            head.extend(kind);
            head
        };
        let (name, head) = match name.split_once('=') {
            Some((name, "elf")) => (name, elf(1, [3, 0])),
            Some((name, "big-elf")) => (name, elf(2, [0, 2])),
            Some((name, "object")) => (name, elf(1, [1, 0])),
            Some((name, "cut-elf")) => (name, elf(1, [2, 0])[..17].to_vec()),
            Some((name, "gzip")) => (name, vec![0x1f, 0x8b, 8]),
            Some((name, "zip")) => (name, b"PK\x03\x04".to_vec()),
            Some((name, "tar")) => (name, [&[0; 257][..], b"ustar\x0000"].concat()),
            _ => (name, b"text".to_vec()),
        };
        RootFile {
            name: name.into(),
            head,
        }
    }

    #[test]
    fn the_files_at_the_top_tell_what_a_source_is_for() {
        for (names, expected) in [
            ("go.mod main.go", "Go: a go.mod"),
            ("go.mod go.work", "Go: a go.work"),
            ("README.md main.go", "Go: the Go file main.go"),
            ("main_test.go", ""),
            ("package.json index.js", "Node: a package.json"),
            ("server.js", "Node: the file server.js"),
            (
                "index.html main.mjs",
                "Node: the file main.mjs, Binary: an index.html",
            ),
            ("index.html jquery.js", "Binary: an index.html"),
            ("go.mod package.json", "Go: a go.mod, Node: a package.json"),
            ("app=elf README.md", "Binary: the program app"),
            ("app=big-elf", "Binary: the program app"),
            ("a.o=object b=cut-elf libc.so.6=elf x.so=elf", ""),
            ("app.tar.gz=gzip", "Binary: the archive app.tar.gz"),
            ("app.TGZ=gzip", "Binary: the archive app.TGZ"),
            ("app.gz=gzip", "Binary: the archive app.gz"),
            ("app.zip=zip", "Binary: the archive app.zip"),
            ("app.tar=tar", "Binary: the archive app.tar"),
            ("app.jar=zip app=gzip x.zip", ""),
            ("a.zip=zip z=elf", "Binary: the program z"),
            ("index.html style.css", "Binary: an index.html"),
            (
                "index.html package.json",
                "Node: a package.json, Binary: an index.html",
            ),
            (
                "a\u{1b}]0;x\u{7}.go",
                "Go: the Go file a\\u{1b}]0;x\\u{7}.go",
            ),
            ("README.md pom.xml", ""),
            ("", ""),
        ] {
            let root: Vec<_> = names.split_whitespace().map(file).collect();
            let clues = clues(&root);
            let texts = clues.iter().map(|clue| format!("{:?}: {clue}", clue.kind));
            assert_eq!(texts.collect::<Vec<_>>().join(", "), expected, "{names}");
            assert!(clues.is_sorted_by_key(|clue| clue.kind), "{names}");
        }
    }
}
