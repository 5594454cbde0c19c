//! The facts that files of Go have without a toolchain: string literals, embedded paths, and build constraints.

use std::{
    collections::BTreeSet,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use super::nested::is_ignored;
use crate::assembly::tree;

/// The number of files that are read.
const MAX_FILES: usize = 10_000;

/// The number of bytes of a file that are read.
const MAX_SIZE: u64 = 1 << 20;

/// The number of bytes of the longest text that may be a path.
pub(super) const LONGEST: usize = 200;

/// The depth of directories that are looked into.
const MAX_DEPTH: usize = 12;

/// Words of build constraints that a build sets by itself.
const KNOWN_TAGS: [&str; 14] = [
    "aix", "amd64", "arm64", "cgo", "darwin", "freebsd", "gc", "ignore", "js", "linux", "tools",
    "unix", "wasm", "windows",
];

/// The facts of all files of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// The texts in their code.
    pub(super) texts: BTreeSet<String>,
    /// The paths that they embed, relative to the source, up to the first `*`.
    pub(super) embedded: BTreeSet<String>,
    /// The main packages whose files have build constraints, with the words of these.
    pub(super) constrained: BTreeSet<(String, String)>,
}

/// Reads the files of a source, without tests, vendored packages and hidden directories.
pub(super) fn read(source: &Path) -> Scan {
    let mut scan = Scan::default();
    let mut files = Vec::new();
    collect(source, "", MAX_DEPTH, &mut files);
    for (directory, path) in files {
        let file = File::parse(&text_of(&path));
        scan.texts.extend(file.texts);
        for pattern in file.embedded {
            scan.embedded.insert(literal(&join(&directory, &pattern)));
        }
        if file.package == "main" {
            let tags = file.constraint.iter().flat_map(|line| words(line));
            let package = format!("./{directory}");
            let package = package.trim_end_matches('/').to_owned();
            scan.constrained
                .extend(tags.map(|tag| (package.clone(), tag)));
        }
    }
    scan
}

/// Returns the words of the build constraints of a directory's files that a build does not set by itself.
pub(super) fn tags(directory: &Path) -> Vec<String> {
    let mut files = Vec::new();
    collect(directory, "", 0, &mut files);
    let lines = files
        .iter()
        .filter_map(|(_, path)| File::parse(&text_of(path)).constraint);
    let tags: BTreeSet<_> = lines.flat_map(|line| words(&line)).collect();
    tags.into_iter().collect()
}

fn collect(path: &Path, name: &str, depth: usize, files: &mut Vec<(String, PathBuf)>) {
    for child in tree::children(path).unwrap_or_default() {
        let Some(last) = child.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let Ok(data) = fs::symlink_metadata(&child) else {
            continue;
        };
        if data.is_dir() && !is_ignored(last) && depth > 0 {
            collect(&child, &join(name, last), depth - 1, files);
        } else if data.is_file()
            && child.extension().is_some_and(|ending| ending == "go")
            && !last.ends_with("_test.go")
            && files.len() < MAX_FILES
        {
            files.push((name.to_owned(), child));
        }
    }
}

fn text_of(path: &Path) -> String {
    let mut text = Vec::new();
    // Go reports files that cannot be read.
    drop(fs::File::open(path).and_then(|file| file.take(MAX_SIZE).read_to_end(&mut text)));
    String::from_utf8_lossy(&text).into_owned()
}

fn join(directory: &str, name: &str) -> String {
    match directory {
        "" => name.to_owned(),
        directory => format!("{directory}/{name}"),
    }
}

/// Returns the directories of a pattern above the first component with a `*`, or all of it.
fn literal(pattern: &str) -> String {
    let is_plain = |part: &&str| !part.contains(['*', '?', '[']);
    let parts: Vec<_> = pattern.split('/').take_while(is_plain).collect();
    parts.join("/")
}

/// Returns the words of a build constraint that a build does not set by itself.
fn words(constraint: &str) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let words = constraint.split(|c| !is_part(c));
    words
        .filter(|word| !word.is_empty() && !KNOWN_TAGS.contains(word) && !word.starts_with("go1."))
        .map(str::to_owned)
        .collect()
}

/// The facts of one file.
#[derive(Debug, Default)]
struct File {
    package: String,
    constraint: Option<String>,
    embedded: Vec<String>,
    texts: Vec<String>,
}

/// The texts that are paths of imports.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Imports {
    None,
    /// The next text is one.
    Next,
    /// All are up to the parenthesis.
    Block,
}

impl File {
    fn parse(code: &str) -> Self {
        let mut file = Self::default();
        let mut imports = Imports::None;
        let mut previous = "";
        let mut rest = code;
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '/' if rest.starts_with("//") => {
                    let line = rest.lines().next().unwrap_or_default();
                    file.comment(line);
                    line.len()
                }
                '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
                '"' | '`' | '\'' => {
                    let end = end_of(rest, first);
                    let text = rest.get(1..end.saturating_sub(1)).unwrap_or_default();
                    match imports {
                        Imports::None if first != '\'' && text.len() <= LONGEST => {
                            file.texts.push(text.to_owned());
                        }
                        Imports::Next => imports = Imports::None,
                        Imports::None | Imports::Block => {}
                    }
                    end
                }
                '(' if imports == Imports::Next => {
                    imports = Imports::Block;
                    1
                }
                ')' if imports == Imports::Block => {
                    imports = Imports::None;
                    1
                }
                c if c.is_alphabetic() || c == '_' => {
                    let is_end = |c: char| !(c.is_alphanumeric() || c == '_');
                    let word = &rest[..rest.find(is_end).unwrap_or(rest.len())];
                    if previous == "package" && file.package.is_empty() {
                        word.clone_into(&mut file.package);
                    }
                    if word == "import" {
                        imports = Imports::Next;
                    }
                    previous = word;
                    word.len()
                }
                c => c.len_utf8(),
            };
            rest = rest.get(length..).unwrap_or_default();
        }
        file
    }

    fn comment(&mut self, line: &str) {
        if let Some(constraint) = line.strip_prefix("//go:build ") {
            self.constraint.get_or_insert_with(|| constraint.to_owned());
        }
        if let Some(patterns) = line.strip_prefix("//go:embed ") {
            let patterns = patterns.split_whitespace();
            let patterns = patterns.map(|text| text.trim_matches(['"', '`']));
            self.embedded
                .extend(patterns.map(|text| text.strip_prefix("all:").unwrap_or(text).to_owned()));
        }
    }
}

/// Returns the position behind a literal that begins with this quote.
fn end_of(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1);
    while let Some((index, c)) = chars.next() {
        match c {
            c if c == quote => return index + 1,
            '\\' if quote != '`' => drop(chars.next()),
            '\n' if quote != '`' => return index,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::assembly::testing::tree as write;

    #[test]
    fn texts_of_code_are_found_but_not_those_of_imports_and_comments() {
        let file = File::parse(
            "//go:build prod && !go1.20\n\n// \"no\"\npackage main\n\nimport \"fmt\"\nimport (\n\tx \"a/b\" // \"no\"\n\t\"c\"\n)\n\n\
             //go:embed all:dist \"templates/*\"\nvar files embed.FS\n/* \"no\" */\n\
             func main() { f(`raw/dir`, \"a \\\" b\", '\"', \"templates/x.html\") }\n",
        );
        assert_eq!(file.package, "main");
        assert_eq!(
            file.texts,
            ["raw/dir", "a \\\" b", "templates/x.html"].map(str::to_owned)
        );
        assert_eq!(file.embedded, ["dist", "templates/*"]);
        assert_eq!(words(&file.constraint.unwrap()), ["prod"]);
    }

    #[test]
    fn source_is_read_without_tests_and_vendored_packages() {
        let root = write(&[
            (
                "main.go",
                "package main\n\nvar a = \"a\"\n\n//go:embed static/*.css\nvar s embed.FS\n",
            ),
            (
                "web/web.go",
                "//go:build extra\n\npackage main\n\n//go:embed dist\nvar d embed.FS\n",
            ),
            ("main_test.go", "package main\n\nvar t = \"t\"\n"),
            ("vendor/x/x.go", "package x\n\nvar v = \"v\"\n"),
        ]);
        let scan = read(root.path());
        assert_eq!(scan.texts, BTreeSet::from(["a".to_owned()]));
        let embedded = ["static", "web/dist"].map(str::to_owned);
        assert_eq!(scan.embedded, BTreeSet::from(embedded));
        let constrained = ("./web".to_owned(), "extra".to_owned());
        assert_eq!(scan.constrained, BTreeSet::from([constrained]));
        assert_eq!(tags(&root.path().join("web")), ["extra"]);
    }

    proptest! {
        #[test]
        fn nothing_panics(code in "(package|import|//go:embed |[ ()\"`'\\\\/*\né.x]){0,80}") {
            File::parse(&code);
        }
    }
}
