//! The kinds of source that the builders of this project take, recognised by the root directory.
//!
//! The command picks a builder by them, and `assemble` in an image picks a recipe, so both recognise a source in the
//! same way.

use std::io;

use crate::{OpenDir, bounds};

/// The number of bytes that show a file's type: the mark of a tar archive comes last.
const HEAD: u64 = 512;

/// The file that makes a directory a site.
pub const INDEX: &str = "index.html";

/// The file that makes a directory a package for Node.js.
pub const PACKAGE_JSON: &str = "package.json";

/// Files that mark a source as one of Go; the last two are of tools from before there were modules.
const GO_FILES: [&str; 4] = ["go.work", "go.mod", "Gopkg.toml", "glide.yaml"];

/// A directory that does, from the same time.
const GODEPS: &str = "Godeps";

/// Files that Node.js starts where nothing else names one, in this order; the first [`SERVERS`] are named
/// after servers.
const NODE_SCRIPTS: [&str; 12] = [
    "server.js",
    "server.mjs",
    "server.cjs",
    "app.js",
    "app.mjs",
    "app.cjs",
    "main.js",
    "main.mjs",
    "main.cjs",
    "index.js",
    "index.mjs",
    "index.cjs",
];
const SERVERS: usize = 3;

/// The kind of a source, in order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceKind {
    /// Go. It takes precedence over Node.js, whose files in such a source are usually the front end of its program.
    Go,
    /// Node.js.
    Node,
    /// Programs that are built already, and sites.
    Binary,
}

/// The role of the entry that decided the kind of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The entry has a name with this one meaning, such as `go.mod`.
    Marker,
    /// A file of Go.
    GoFile,
    /// A file that Node.js starts.
    NodeScript,
    /// A program for Linux.
    Program,
    /// An archive that `s2i/binary` unpacks.
    Archive,
}

/// A kind that a source may be of, with the entry that shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    /// The kind.
    pub kind: SourceKind,
    /// The role of the entry.
    pub evidence: Evidence,
    /// The name of the entry, as the source has it.
    pub name: String,
}

/// An entry of the root directory of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootEntry {
    /// The name.
    pub name: String,
    /// The first 512 bytes of a regular file, or all of it, and none when it can't be read; `None` for a
    /// directory.
    pub head: Option<Vec<u8>>,
}

impl RootEntry {
    /// Returns the name when this is a regular file.
    fn file(&self) -> Option<&str> {
        self.head.is_some().then_some(&*self.name)
    }
}

/// The format of an archive or of a compressed file that `s2i/binary` unpacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveFormat {
    /// A tar archive.
    Tar,
    /// A file or a tar archive, compressed with gzip.
    Gzip,
    /// A zip archive.
    Zip,
}

impl ArchiveFormat {
    /// Returns the format of a file with this name that begins with these bytes. Files that are not to be
    /// unpacked have these formats too, so the name must have the usual extension.
    #[must_use]
    pub fn of(name: &str, head: &[u8]) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        match head {
            [0x1f, 0x8b, ..] if ends(&[".gz", ".tgz"]) => Some(Self::Gzip),
            [b'P', b'K', 3, 4, ..] if ends(&[".zip"]) => Some(Self::Zip),
            head if is_tar(head) && ends(&[".tar"]) => Some(Self::Tar),
            _ => None,
        }
    }
}

/// Returns whether a file begins as a tar archive does.
#[must_use]
pub fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

/// Returns whether a root directory has an index, and may be a site.
#[must_use]
pub fn has_index(root: &[RootEntry]) -> bool {
    file(root, &[INDEX]).is_some()
}

/// Returns the files that Node.js starts where nothing else names one, in order of precedence. In a site (an index
/// and no package.json) these are servers alone: other scripts belong to the page.
#[must_use]
pub fn node_scripts(is_site: bool) -> &'static [&'static str] {
    if is_site {
        &NODE_SCRIPTS[..SERVERS]
    } else {
        &NODE_SCRIPTS
    }
}

/// Lists the regular files and directories of a root directory, sorted by name, without those that are
/// excluded. Links are followed as long as they stay below the root.
///
/// # Errors
/// Errors of the file system about the directory itself.
pub fn read(root: &OpenDir, is_excluded: impl Fn(&str) -> bool) -> io::Result<Vec<RootEntry>> {
    let mut entries = Vec::new();
    for entry in root.dir().entries()? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let Ok(metadata) = root.dir().metadata(&name) else {
            continue;
        };
        if !(metadata.is_file() || metadata.is_dir()) || is_excluded(&name) {
            continue;
        }
        let head = metadata.is_file().then(|| head(root, &name));
        entries.push(RootEntry { name, head });
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}

/// The first bytes of a file. One that can't be read is known by its name alone; the build reports it.
fn head(root: &OpenDir, name: &str) -> Vec<u8> {
    let file = root.open_file(name);
    let head = file.and_then(|file| bounds::head(file, HEAD));
    head.unwrap_or_default()
}

/// Returns the kinds that a source may be of, in order of precedence, each with its best evidence.
#[must_use]
pub fn detect(root: &[RootEntry]) -> Vec<Detection> {
    let found = [
        (SourceKind::Go, go(root)),
        (SourceKind::Node, node(root)),
        (SourceKind::Binary, binary(root)),
    ];
    let detection = |(kind, found): (SourceKind, Option<(Evidence, &str)>)| {
        let (evidence, name) = found?;
        Some(Detection {
            kind,
            evidence,
            name: name.to_owned(),
        })
    };
    found.into_iter().filter_map(detection).collect()
}

fn go(root: &[RootEntry]) -> Option<(Evidence, &str)> {
    let is_code = |name: &&str| {
        let stem = name.strip_suffix(".go");
        stem.is_some_and(|stem| !stem.ends_with("_test"))
    };
    let godeps = || {
        let is_it = |entry: &&RootEntry| entry.head.is_none() && entry.name == GODEPS;
        root.iter().find(is_it).map(|entry| &*entry.name)
    };
    let code = || root.iter().filter_map(RootEntry::file).find(is_code);
    file(root, &GO_FILES)
        .or_else(godeps)
        .map(|name| (Evidence::Marker, name))
        .or_else(|| Some((Evidence::GoFile, code()?)))
}

fn node(root: &[RootEntry]) -> Option<(Evidence, &str)> {
    let scripts = node_scripts(has_index(root));
    file(root, &[PACKAGE_JSON])
        .map(|name| (Evidence::Marker, name))
        .or_else(|| Some((Evidence::NodeScript, file(root, scripts)?)))
}

fn binary(root: &[RootEntry]) -> Option<(Evidence, &str)> {
    let first = |evidence, is_it: fn(&str, &[u8]) -> bool| {
        let is_it = |entry: &&RootEntry| {
            let head = entry.head.as_deref();
            head.is_some_and(|head| is_it(&entry.name, head))
        };
        Some((evidence, &*root.iter().find(is_it)?.name))
    };
    let is_archive = |name: &str, head: &[u8]| ArchiveFormat::of(name, head).is_some();
    first(Evidence::Program, is_program)
        .or_else(|| first(Evidence::Archive, is_archive))
        .or_else(|| Some((Evidence::Marker, file(root, &[INDEX])?)))
}

/// The first of these names that a regular file has.
fn file<'a>(root: &'a [RootEntry], names: &[&str]) -> Option<&'a str> {
    let files = || root.iter().filter_map(RootEntry::file);
    let mut names = names.iter();
    names.find_map(|name| files().find(|file| file == name))
}

/// Returns whether a file is a program for Linux or a system like it, and not a library or an object.
fn is_program(name: &str, head: &[u8]) -> bool {
    const EXECUTABLE: u16 = 2;
    const POSITION_INDEPENDENT: u16 = 3;
    let [0x7f, b'E', b'L', b'F', _, order, rest @ ..] = head else {
        return false;
    };
    let Some(&[first, second]) = rest.get(10..12) else {
        return false;
    };
    let kind = match order {
        2 => u16::from_be_bytes([first, second]),
        _ => u16::from_le_bytes([first, second]),
    };
    let is_library = name.split('.').any(|part| part == "so");
    matches!(kind, EXECUTABLE | POSITION_INDEPENDENT) && !is_library
}
