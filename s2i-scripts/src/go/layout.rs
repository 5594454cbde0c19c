//! How a source of Go is laid out.

/// The name of a program whose source gives it none.
pub(super) const FILES_NAME: &str = "app";

/// How a source of Go is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// There is a go.work at the root, which names modules.
    Workspace,
    /// There is a go.mod at the root.
    Module {
        /// There is a `vendor` directory too, which Go itself then builds from.
        vendored: bool,
    },
    /// There is no go.mod but a directory with dependencies, from before there were modules; or there
    /// are only directories.
    Gopath {
        /// The dependencies lie in `Godeps/_workspace`.
        godeps: bool,
    },
    /// There are files of Go at the root and nothing else.
    Files,
}

impl Layout {
    /// The layout of a source that has these names at its root, if they are those of Go.
    #[must_use]
    pub fn of(names: &[String]) -> Option<Self> {
        let has = |name: &str| names.iter().any(|known| known == name);
        if has("go.work") {
            return Some(Self::Workspace);
        }
        if has("go.mod") {
            return Some(Self::Module {
                vendored: has("vendor"),
            });
        }
        let is_code = |name: &String| {
            name.strip_suffix(".go")
                .is_some_and(|stem| !stem.ends_with("_test"))
        };
        let has_code = names.iter().any(is_code);
        let godeps = has("Godeps");
        if godeps || has("Gopkg.toml") || has("glide.yaml") || (has_code && has("vendor")) {
            return Some(Self::Gopath { godeps });
        }
        has_code.then_some(Self::Files)
    }
}

/// The path in the import comment of a file: `package main // import "example.com/shop"`.
pub(super) fn import_comment(code: &str) -> Option<&str> {
    let mut clause = code
        .lines()
        .filter_map(|line| line.strip_prefix("package "));
    let (_, comment) = clause.next()?.split_once("//")?;
    let path = comment.trim().strip_prefix("import ")?.trim();
    let path = path.strip_prefix(['"', '`'])?.strip_suffix(['"', '`'])?;
    is_import_path(path).then_some(path)
}

/// Whether a text can be an import path, and nothing that leads elsewhere.
pub(super) fn is_import_path(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~+".contains(c);
    !path.is_empty()
        && path
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.') && part.chars().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_at_the_root_decide() {
        for (names, expected) in [
            (
                "go.mod main.go vendor",
                Some(Layout::Module { vendored: true }),
            ),
            ("cmd go.mod", Some(Layout::Module { vendored: false })),
            ("go.work go.mod", Some(Layout::Workspace)),
            ("main.go vendor", Some(Layout::Gopath { godeps: false })),
            ("cmd Gopkg.toml", Some(Layout::Gopath { godeps: false })),
            ("main.go Godeps", Some(Layout::Gopath { godeps: true })),
            ("main.go README.md", Some(Layout::Files)),
            ("a_test.go package.json", None),
            ("vendor", None),
            ("", None),
        ] {
            let names: Vec<_> = names.split(' ').map(str::to_owned).collect();
            assert_eq!(Layout::of(&names), expected, "{names:?}");
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
