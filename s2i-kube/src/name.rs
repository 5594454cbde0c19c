//! The names of objects.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};
use thiserror::Error;

/// The most characters of a name of a new object, as RFC 1035 has them for a label.
const LABEL: usize = 63;

/// The most characters of a name of an object that is there, as RFC 1123 has them for a domain.
const DOMAIN: usize = 253;

/// A name for new objects: a DNS label (RFC 1035) of at most 63 lower-case letters, digits and `-`, which starts with a
/// letter.
///
/// Objects of all kinds may have it; those of some kinds, such as a Service, may have no other. It is also a valid value
/// of a label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

/// A name of an object that is there, such as a Secret or a namespace: a DNS domain (RFC 1123) of at most 253 lower-case
/// letters, digits, `-` and `.`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference(String);

/// An error for text that is not a valid name of an object.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// The text is no name for a new object.
    #[error(
        "`{0}` is no name for an object: it has to start with a lower-case letter, go on with lower-case letters, digits \
         and `-`, not end with `-`, and have at most 63 characters"
    )]
    New(String),
    /// The text can't be the name of an object.
    #[error(
        "`{0}` is no name of an object: it has to have lower-case letters, digits, `-` and `.`, start and end with a \
         letter or a digit, and have at most 253 characters"
    )]
    Existing(String),
}

impl Name {
    /// Returns the text as a name, with `-` for all that a name may not have; `None` if nothing is left.
    ///
    /// ```
    /// # use s2i_kube::Name;
    /// assert_eq!(Name::suggest("Simple_Web.git").unwrap().as_str(), "simple-web-git");
    /// assert_eq!(Name::suggest("1.22"), None);
    /// ```
    #[must_use]
    pub fn suggest(text: &str) -> Option<Self> {
        let lower = text.chars().map(|c| c.to_ascii_lowercase());
        let clean: String = lower
            .map(|c| if is_alphanumeric(c) { c } else { '-' })
            .skip_while(|c| !c.is_ascii_lowercase())
            .take(LABEL)
            .collect();
        clean.trim_end_matches('-').parse().ok()
    }

    /// Returns this name with a suffix, which is never cut off: a long name is.
    ///
    /// # Errors
    /// [`NameError::New`] if the suffix makes no valid name.
    pub fn with_suffix(&self, suffix: &str) -> Result<Self, NameError> {
        let room = LABEL.saturating_sub(suffix.len() + 1);
        let start: String = self.0.chars().take(room).collect();
        format!("{}-{suffix}", start.trim_end_matches('-')).parse()
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Reference {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Name> for Reference {
    fn from(name: Name) -> Self {
        Self(name.0)
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_valid = is_label(text)
            && text.len() <= LABEL
            && text.starts_with(|c: char| c.is_ascii_lowercase());
        is_valid
            .then(|| Self(text.into()))
            .ok_or_else(|| NameError::New(text.into()))
    }
}

impl FromStr for Reference {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_valid = text.len() <= DOMAIN && text.split('.').all(is_label);
        is_valid
            .then(|| Self(text.into()))
            .ok_or_else(|| NameError::Existing(text.into()))
    }
}

/// Returns whether the text is a part of a domain, of any length.
fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| is_alphanumeric(c) || c == '-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_alphanumeric(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_new_objects_are_labels_that_start_with_a_letter() {
        for name in ["a", "web-1", &"a".repeat(63)] {
            assert_eq!(name.parse::<Name>().unwrap().as_str(), name);
        }
        for text in [
            "",
            "1a",
            "-a",
            "a-",
            "A",
            "a.b",
            "a_b",
            "ä",
            &"a".repeat(64),
        ] {
            assert_eq!(text.parse::<Name>(), Err(NameError::New(text.into())));
        }
    }

    #[test]
    fn names_of_existing_objects_are_domains() {
        for name in ["a", "1a", "builder.secret", &"a".repeat(253)] {
            assert_eq!(name.parse::<Reference>().unwrap().as_str(), name);
        }
        for text in ["", ".", "a..b", "a.", "a/b", "A", &"a".repeat(254)] {
            assert_eq!(
                text.parse::<Reference>(),
                Err(NameError::Existing(text.into()))
            );
        }
    }

    #[test]
    fn suggestions_are_names() {
        let suggested = |text: &str| Name::suggest(text).map(|name| name.0);
        assert_eq!(suggested("golang_1.22"), Some("golang-1-22".into()));
        assert_eq!(suggested("2048-Game"), Some("game".into()));
        assert_eq!(
            suggested(&format!("{}-x", "a".repeat(62))).unwrap().len(),
            62
        );
        assert_eq!(suggested("___"), None);
    }

    #[test]
    fn suffix_stays_on_a_long_name() {
        let long: Name = "a".repeat(63).parse().unwrap();
        let suffixed = long.with_suffix("build").unwrap();
        assert_eq!(suffixed.as_str().len(), 63);
        assert!(suffixed.as_str().ends_with("-build"));
        assert!(long.with_suffix("Build").is_err());
    }
}
