//! The builder for each kind of source, and the text for the file that decided it.

use std::fmt;

use s2i_core::{
    ImageRef,
    detect::{Detection, Evidence, SourceKind},
};
use serde::Deserialize;

/// The entries of a source that [`detect`](s2i_core::detect::detect) looks for, as text for users.
pub const LOOKED_FOR: &str = "a `go.mod`, `go.work`, `Gopkg.toml`, `glide.yaml`, `Godeps` or file of Go (for s2i/go); a \
     `package.json` or `server.js`, or, without an `index.html`, an `app.js`, `main.js` or `index.js` (for s2i/node); a \
     program for Linux, an archive or an `index.html` (for s2i/binary)";

/// The builder of each kind of source.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Builders {
    /// For [`SourceKind::Go`].
    pub go: ImageRef,
    /// For [`SourceKind::Node`].
    pub node: ImageRef,
    /// For [`SourceKind::Binary`].
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
    /// Returns the builder for a kind.
    #[must_use]
    pub fn of(&self, kind: SourceKind) -> &ImageRef {
        match kind {
            SourceKind::Go => &self.go,
            SourceKind::Node => &self.node,
            SourceKind::Binary => &self.binary,
        }
    }
}

/// The text for a detection: the entry that decided it, with its article.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a>(pub &'a Detection);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The name may hold anything, control sequences too.
        let name = self.0.name.escape_debug();
        match self.0.evidence {
            Evidence::Marker if self.0.name.starts_with(['a', 'e', 'i', 'o', 'u']) => {
                write!(f, "an {name}")
            }
            Evidence::Marker => write!(f, "a {name}"),
            Evidence::GoFile => write!(f, "the Go file {name}"),
            Evidence::NodeScript => write!(f, "the file {name}"),
            Evidence::Program => write!(f, "the program {name}"),
            Evidence::Archive => write!(f, "the archive {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deciding_entry_is_described_with_its_article() {
        for (evidence, name, expected) in [
            (Evidence::Marker, "go.mod", "a go.mod"),
            (Evidence::Marker, "index.html", "an index.html"),
            (Evidence::NodeScript, "main.mjs", "the file main.mjs"),
            (Evidence::Program, "app", "the program app"),
            (Evidence::Archive, "app.zip", "the archive app.zip"),
            (
                Evidence::GoFile,
                "a\u{1b}]0;x\u{7}.go",
                "the Go file a\\u{1b}]0;x\\u{7}.go",
            ),
        ] {
            let detection = Detection {
                kind: SourceKind::Go,
                evidence,
                name: name.into(),
            };
            assert_eq!(Described(&detection).to_string(), expected);
        }
    }
}
