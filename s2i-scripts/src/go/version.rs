//! Versions of Go, in Go's own order.

use std::fmt;

/// A version of Go or of its language, such as `1.24`, `1.25rc1` or `1.26.8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u32,
    minor: u32,
    release: Release,
}

/// The part after the minor version, in ascending order: `1.25` < `1.25rc1` < `1.25.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Release {
    Language,
    Beta(u32),
    Candidate(u32),
    Patch(u32),
}

impl Version {
    /// Parses a version of go.mod or `go env GOVERSION`; `None` for development versions
    /// and others that cannot be compared.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix("go").unwrap_or(text);
        let end = text
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '.')
            .unwrap_or(text.len());
        let (major, rest) = text[..end].split_once('.')?;
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (minor, rest) = rest.split_at(digits);
        let release = if rest.is_empty() {
            Release::Language
        } else if let Some(patch) = rest.strip_prefix('.') {
            Release::Patch(patch.parse().ok()?)
        } else if let Some(number) = rest.strip_prefix("beta") {
            Release::Beta(number.parse().ok()?)
        } else {
            Release::Candidate(rest.strip_prefix("rc")?.parse().ok()?)
        };
        Some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
            release,
        })
    }

    /// Returns the version of the language, as in a go.mod.
    pub(crate) fn language(self) -> String {
        format!("{}.{}", self.major, self.minor)
    }

    /// Returns whether this is a version of the language, which may have several releases.
    pub(super) fn is_language(self) -> bool {
        self.release == Release::Language
    }

    /// Returns whether this is the version of the language of another version.
    pub(super) fn is_language_of(self, other: Self) -> bool {
        self.is_language() && (self.major, self.minor) == (other.major, other.minor)
    }

    /// Returns whether this is a release, and not one for tests.
    pub(super) fn is_release(self) -> bool {
        matches!(self.release, Release::Patch(_))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        match self.release {
            Release::Language => Ok(()),
            Release::Beta(number) => write!(f, "beta{number}"),
            Release::Candidate(number) => write!(f, "rc{number}"),
            Release::Patch(number) => write!(f, ".{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered() {
        let texts = [
            "go1.9.7",
            "1.21",
            "1.21beta1",
            "go1.21rc2",
            "1.21.0",
            "1.21.10",
            "1.22",
            "go2.0",
        ];
        let versions: Vec<_> = texts.map(|text| Version::parse(text).unwrap()).into();
        assert!(versions.is_sorted(), "{versions:?}");
        for (version, text) in versions.iter().zip(texts) {
            assert_eq!(version.to_string(), text.trim_start_matches("go"));
        }
    }

    #[test]
    fn suffixes_are_ignored_and_other_text_is_refused() {
        for (text, expected) in [
            ("go1.26.8 X:nogreenteagc", Some("1.26.8")),
            ("go1.25.3-custom", Some("1.25.3")),
            ("go1.27-devel_abc", Some("1.27")),
            ("devel go1.27-abc", None),
            ("default", None),
            ("1", None),
            ("1.99999999999", None),
            ("", None),
        ] {
            assert_eq!(
                Version::parse(text)
                    .map(|version| version.to_string())
                    .as_deref(),
                expected,
                "{text}"
            );
        }
    }
}
