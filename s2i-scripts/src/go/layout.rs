//! How a source of Go is laid out.

/// The name of a program whose source gives it none.
pub(super) const FILES_NAME: &str = "app";

/// How a source of Go is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// There is a go.mod at the root.
    Module {
        /// There is a `vendor` directory too, which Go itself then builds from.
        vendored: bool,
    },
    /// There are files of Go at the root and no go.mod.
    Files,
}

impl Layout {
    /// The layout of a source that has these names at its root, if they are those of Go.
    #[must_use]
    pub fn of(names: &[String]) -> Option<Self> {
        let has = |name: &str| names.iter().any(|known| known == name);
        if has("go.mod") {
            return Some(Self::Module {
                vendored: has("vendor"),
            });
        }
        let is_code = |name: &String| {
            name.strip_suffix(".go")
                .is_some_and(|stem| !stem.ends_with("_test"))
        };
        names.iter().any(is_code).then_some(Self::Files)
    }
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
            ("main.go vendor", Some(Layout::Files)),
            ("a_test.go package.json", None),
            ("", None),
        ] {
            let names: Vec<_> = names.split(' ').map(str::to_owned).collect();
            assert_eq!(Layout::of(&names), expected, "{names:?}");
        }
    }
}
