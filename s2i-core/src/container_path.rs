//! Paths inside a container: always `/`-separated, on every host.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An absolute, normalised path inside a container.
///
/// It has no `.`, no `..`, and no doubled or trailing slash, so comparing and joining are text operations and can't
/// leave the root.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerPath(String);

/// An error for text that is not a valid [`ContainerPath`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ContainerPathError {
    /// The path does not start with `/`.
    #[error("`{0}` is not an absolute path inside the container")]
    Relative(String),
    /// The path contains a `..` component.
    #[error("`{0}` has a `..` in it")]
    Climbs(String),
    /// The path contains a NUL, a newline or another control character.
    #[error("{0:?} has a control character in it")]
    Control(String),
}

impl ContainerPath {
    /// The root directory.
    #[must_use]
    pub fn root() -> Self {
        Self("/".into())
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without its leading slash, as archives name it; empty for the root.
    #[must_use]
    pub fn relative(&self) -> &str {
        &self.0[1..]
    }

    /// The last component; `None` for the root.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        self.0.rsplit('/').next().filter(|name| !name.is_empty())
    }

    /// The directory that it is in, and the last component; `None` for the root.
    #[must_use]
    pub fn split(&self) -> Option<(Self, &str)> {
        let (parent, name) = self
            .0
            .rsplit_once('/')
            .filter(|(_, name)| !name.is_empty())?;
        let parent = if parent.is_empty() { "/" } else { parent };
        Some((Self(parent.into()), name))
    }

    /// This path with `relative` below it. An absolute `relative` replaces it.
    ///
    /// # Errors
    /// [`ContainerPathError`] when `relative` contains `..` or control characters.
    pub fn join(&self, relative: &str) -> Result<Self, ContainerPathError> {
        if relative.starts_with('/') {
            return relative.parse();
        }
        format!("{}/{relative}", self.0).parse()
    }

    /// Returns whether `other` is this path or lies below it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.0 == "/"
            || other.0 == self.0
            || other
                .0
                .strip_prefix(&self.0)
                .is_some_and(|rest| rest.starts_with('/'))
    }
}

impl FromStr for ContainerPath {
    type Err = ContainerPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.chars().any(char::is_control) {
            return Err(ContainerPathError::Control(text.into()));
        }
        if !text.starts_with('/') {
            return Err(ContainerPathError::Relative(text.into()));
        }
        let mut path = String::with_capacity(text.len());
        for part in text
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
        {
            if part == ".." {
                return Err(ContainerPathError::Climbs(text.into()));
            }
            path.push('/');
            path.push_str(part);
        }
        if path.is_empty() {
            path.push('/');
        }
        Ok(Self(path))
    }
}

impl TryFrom<String> for ContainerPath {
    type Error = ContainerPathError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ContainerPath> for String {
    fn from(path: ContainerPath) -> Self {
        path.0
    }
}

impl fmt::Display for ContainerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expected: Result<&str, &str>) {
        let actual = input.parse::<ContainerPath>();
        let actual = actual
            .as_ref()
            .map(ContainerPath::as_str)
            .map_err(ToString::to_string);
        assert_eq!(actual, expected.map_err(ToString::to_string));
    }

    #[test]
    fn normalises_and_refuses() {
        check("/", Ok("/"));
        check("//tmp/./src/", Ok("/tmp/src"));
        check(
            "tmp",
            Err("`tmp` is not an absolute path inside the container"),
        );
        check("/tmp/../etc", Err("`/tmp/../etc` has a `..` in it"));
        check("/a\nb", Err("\"/a\\nb\" has a control character in it"));
    }

    #[test]
    fn contains_looks_at_whole_components() {
        let tmp: ContainerPath = "/tmp/a".parse().unwrap();
        assert!(tmp.contains(&"/tmp/a/b".parse().unwrap()));
        assert!(tmp.contains(&tmp));
        assert!(!tmp.contains(&"/tmp/ab".parse().unwrap()));
        assert!(ContainerPath::root().contains(&tmp));
    }
}
