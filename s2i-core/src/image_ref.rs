//! Names of images: `[registry/]repository[:tag][@digest]`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::image::Digest;

/// A parsed image name. Shown as it was typed; [`normalised`](Self::normalised) is the full form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageRef(Box<Parts>);

/// Boxed, because image names travel in every error.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Parts {
    typed: String,
    registry: Option<String>,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// An error for text that is not a valid image name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ImageRefError {
    /// The text is empty.
    #[error("an image name can't be empty")]
    Empty,
    /// The repository has an upper-case letter.
    #[error("`{0}`: the name of a repository must be lower case")]
    UpperCase(String),
    /// The repository part does not follow the grammar.
    #[error("`{name}`: `{part}` is not a valid part of a repository name")]
    Repository {
        /// The image name as typed.
        name: String,
        /// The offending component.
        part: String,
    },
    /// The tag does not follow the grammar.
    #[error(
        "`{name}`: `{tag}` is not a valid tag (letters, digits, `_`, `.` and `-`, at most 128)"
    )]
    Tag {
        /// The image name as typed.
        name: String,
        /// The tag in it.
        tag: String,
    },
    /// The digest does not follow the grammar.
    #[error("`{name}`: `{digest}` is not a valid digest, for example sha256:…64 hex digits")]
    Digest {
        /// The image name as typed.
        name: String,
        /// The digest in it.
        digest: String,
    },
    /// The repository in the full form has more than 255 characters.
    #[error("`{0}`: the name is longer than 255 characters")]
    TooLong(String),
    /// The registry is no host with an optional port.
    #[error("`{name}`: `{registry}` is not a valid registry host")]
    Registry {
        /// The image name as typed.
        name: String,
        /// The registry in it.
        registry: String,
    },
}

impl ImageRef {
    /// The registry of names without one.
    pub const DEFAULT_REGISTRY: &str = "docker.io";

    /// Returns the registry host, if one was typed.
    #[must_use]
    pub fn registry(&self) -> Option<&str> {
        self.0.registry.as_deref()
    }

    /// The repository, without registry, tag and digest.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.0.repository
    }

    /// Returns the tag, if one was typed.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.0.tag.as_deref()
    }

    /// Returns the digest, if one was typed.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.0.digest.as_deref()
    }

    /// The full form: registry, repository, and `latest` where neither tag nor digest was typed.
    #[must_use]
    pub fn normalised(&self) -> String {
        let mut full = self.full_name();
        match (&self.0.tag, &self.0.digest) {
            (None, None) => full.push_str(":latest"),
            (tag, digest) => {
                full.extend(tag.iter().flat_map(|tag| [":", tag]));
                full.extend(digest.iter().flat_map(|digest| ["@", digest]));
            }
        }
        full
    }

    /// Registry and repository, without tag and digest: the common part of all names of one repository.
    #[must_use]
    pub fn full_name(&self) -> String {
        let (registry, repository) = self.full_parts();
        format!("{registry}/{repository}")
    }

    /// The registry, in lower case, and the repository there: the two parts of the [full name](Self::full_name).
    #[must_use]
    pub fn registry_and_repository(&self) -> (String, String) {
        let (registry, repository) = self.full_parts();
        (registry.to_ascii_lowercase(), repository)
    }

    fn full_parts(&self) -> (&str, String) {
        let repository = &self.0.repository;
        match self.registry() {
            Some(registry) if !matches!(registry, Self::DEFAULT_REGISTRY | "index.docker.io") => {
                (registry, repository.clone())
            }
            _ if repository.contains('/') => (Self::DEFAULT_REGISTRY, repository.clone()),
            _ => (Self::DEFAULT_REGISTRY, format!("library/{repository}")),
        }
    }

    /// The name without tag and digest, as it was typed.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.0.registry {
            Some(registry) => format!("{registry}/{}", self.0.repository),
            None => self.0.repository.clone(),
        }
    }

    /// The effective tag: the typed one, else `latest`.
    #[must_use]
    pub fn tag_or_latest(&self) -> &str {
        self.tag().unwrap_or("latest")
    }
}

impl FromStr for ImageRef {
    type Err = ImageRefError;

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        if typed.is_empty() {
            return Err(ImageRefError::Empty);
        }
        let (rest, digest) = match typed.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (typed, None),
        };
        if let Some(digest) = digest.filter(|digest| digest.parse::<Digest>().is_err()) {
            return Err(ImageRefError::Digest {
                name: typed.into(),
                digest: digest.into(),
            });
        }
        let last_slash = rest.rfind('/').map_or(0, |at| at + 1);
        let (path, tag) = match rest[last_slash..].find(':') {
            Some(at) => (&rest[..last_slash + at], Some(&rest[last_slash + at + 1..])),
            None => (rest, None),
        };
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(ImageRefError::Tag {
                name: typed.into(),
                tag: tag.into(),
            });
        }
        let (registry, repository) = split_registry(path);
        if let Some(registry) = registry.filter(|registry| !is_registry(registry)) {
            return Err(ImageRefError::Registry {
                name: typed.into(),
                registry: registry.into(),
            });
        }
        check_repository(typed, repository)?;
        let image = Self(Box::new(Parts {
            typed: typed.into(),
            registry: registry.map(Into::into),
            repository: repository.into(),
            tag: tag.map(Into::into),
            digest: digest.map(Into::into),
        }));
        // The full form must be a name too.
        if image.full_parts().1.len() > 255 {
            return Err(ImageRefError::TooLong(typed.into()));
        }
        Ok(image)
    }
}

/// Splits off the first component as the registry if it has a dot or a port, or is `localhost`.
fn split_registry(path: &str) -> (Option<&str>, &str) {
    match path.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
            (Some(first), rest)
        }
        _ => (None, path),
    }
}

fn check_repository(typed: &str, repository: &str) -> Result<(), ImageRefError> {
    if repository.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(ImageRefError::UpperCase(typed.into()));
    }
    match repository.split('/').find(|part| !is_component(part)) {
        Some(part) => Err(ImageRefError::Repository {
            name: typed.into(),
            part: part.into(),
        }),
        None => Ok(()),
    }
}

/// Lower-case letters and digits, separated by one `.`, one or two `_`, or any number of `-`.
fn is_component(part: &str) -> bool {
    let is_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let valid_ends = part.starts_with(is_alphanumeric) && part.ends_with(is_alphanumeric);
    let mut separators = part
        .split(is_alphanumeric)
        .filter(|separator| !separator.is_empty());
    valid_ends
        && separators.all(|separator| {
            matches!(separator, "." | "_" | "__") || separator.chars().all(|c| c == '-')
        })
}

fn is_tag(tag: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (1..=128).contains(&tag.len())
        && tag.starts_with(is_word)
        && tag.chars().all(|c| is_word(c) || matches!(c, '.' | '-'))
}

fn is_registry(registry: &str) -> bool {
    let (host, port) = registry.split_once(':').unwrap_or((registry, "0"));
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    !port.is_empty() && port.chars().all(|c| c.is_ascii_digit()) && host.split('.').all(is_label)
}

impl TryFrom<String> for ImageRef {
    type Error = ImageRefError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ImageRef> for String {
    fn from(image: ImageRef) -> Self {
        image.0.typed
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.typed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &str, expected: &str) {
        let shown = match typed.parse::<ImageRef>() {
            Ok(image) => image.normalised(),
            Err(err) => err.to_string(),
        };
        assert_eq!(shown, expected, "{typed}");
    }

    #[test]
    fn names_are_completed() {
        check("go", "docker.io/library/go:latest");
        check("s2i/go:1.27", "docker.io/s2i/go:1.27");
        check("docker.io/go", "docker.io/library/go:latest");
        check("index.docker.io/a/b:1", "docker.io/a/b:1");
        check("localhost:5000/a/b", "localhost:5000/a/b:latest");
        check("registry.example/a__b", "registry.example/a__b:latest");
        let digest = format!("sha256:{}", "a".repeat(64));
        check(
            &format!("go@{digest}"),
            &format!("docker.io/library/go@{digest}"),
        );
    }

    #[test]
    fn mistakes_are_named() {
        check("", "an image name can't be empty");
        check("Go", "`Go`: the name of a repository must be lower case");
        check(
            "go:",
            "`go:`: `` is not a valid tag (letters, digits, `_`, `.` and `-`, at most 128)",
        );
        check(
            "go:a b",
            "`go:a b`: `a b` is not a valid tag (letters, digits, `_`, `.` and `-`, at most 128)",
        );
        check(
            "a//b",
            "`a//b`: `` is not a valid part of a repository name",
        );
        check(
            "a___b",
            "`a___b`: `a___b` is not a valid part of a repository name",
        );
        check(
            "go@sha256:12",
            "`go@sha256:12`: `sha256:12` is not a valid digest, for example sha256:…64 hex digits",
        );
        check("-x.y/a", "`-x.y/a`: `-x.y` is not a valid registry host");
    }
}
