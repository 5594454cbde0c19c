//! The layout of a source of Go.

use s2i_core::detect::RootEntry;

/// The name of a program whose source gives it none.
pub(super) const FILES_NAME: &str = "app";

/// The layout of a source of Go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// There is a go.work at the root, which names modules.
    Workspace,
    /// There is a go.mod at the root.
    Module {
        /// There is a `vendor` directory too, which Go itself then builds from.
        vendored: bool,
    },
    /// There is no go.mod but a directory with dependencies or a file that lists them, from before there
    /// were modules.
    Gopath {
        /// The dependencies lie in `Godeps/_workspace`.
        godeps: bool,
    },
    /// There are only files of Go at the root.
    Files,
}

impl Layout {
    /// Returns the layout of a source of Go that has these entries at its root.
    pub(crate) fn of(root: &[RootEntry]) -> Self {
        let has = |name: &str| root.iter().any(|entry| entry.name == name);
        let godeps = has("Godeps");
        if has("go.work") {
            Self::Workspace
        } else if has("go.mod") {
            Self::Module {
                vendored: has("vendor"),
            }
        } else if godeps || has("Gopkg.toml") || has("glide.yaml") || has("vendor") {
            Self::Gopath { godeps }
        } else {
            Self::Files
        }
    }
}

/// Returns the path in the import comment of a file: `package main // import "example.com/shop"`.
pub(super) fn import_comment(code: &str) -> Option<&str> {
    let mut clause = code
        .lines()
        .filter_map(|line| line.strip_prefix("package "));
    let (_, comment) = clause.next()?.split_once("//")?;
    let path = comment.trim().strip_prefix("import ")?.trim();
    let path = path.strip_prefix(['"', '`'])?.strip_suffix(['"', '`'])?;
    is_import_path(path).then_some(path)
}

/// Returns whether a text can be an import path, and nothing that leads elsewhere.
pub(super) fn is_import_path(path: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.~+".contains(c);
    path.split('/')
        .all(|part| !part.is_empty() && !part.starts_with('.') && part.chars().all(is_plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_entries_decide_the_layout() {
        for (names, expected) in [
            ("go.mod main.go vendor", Layout::Module { vendored: true }),
            ("cmd go.mod", Layout::Module { vendored: false }),
            ("go.work go.mod", Layout::Workspace),
            ("main.go vendor", Layout::Gopath { godeps: false }),
            ("cmd Gopkg.toml", Layout::Gopath { godeps: false }),
            ("main.go Godeps", Layout::Gopath { godeps: true }),
            ("main.go README.md", Layout::Files),
        ] {
            let entry = |name: &str| RootEntry {
                name: name.to_owned(),
                head: None,
            };
            let root: Vec<_> = names.split(' ').map(entry).collect();
            assert_eq!(Layout::of(&root), expected, "{names}");
        }
    }

    #[test]
    fn import_comments_are_on_the_package_clause() {
        for (code, expected) in [
            ("package main // import \"a.b/c\"\n", Some("a.b/c")),
            ("/* x */\npackage main  //  import `a/b`", Some("a/b")),
            ("package main\n// import \"a\"", None),
            ("package main // import \"../a\"", None),
            ("package main // important", None),
            ("// package main // import \"a\"", None),
        ] {
            assert_eq!(import_comment(code), expected, "{code}");
        }
    }
}
