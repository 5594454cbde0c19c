//! `source[:destination]` lists: runtime artifacts and injections.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One `source[:destination]` pair.
///
/// Both halves are cleaned; a missing one is `.`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// The path to take.
    pub source: String,
    /// The directory to put it into.
    pub destination: String,
}

/// An error for text that is not a valid list of mappings.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MappingError {
    /// A shell-special character, which no path of this kind may have.
    #[error(
        "`{entry}` has a `{character}` in it; paths are taken literally, there are no wildcards or quotes"
    )]
    Forbidden {
        /// The entry as typed.
        entry: String,
        /// The character.
        character: char,
    },
    /// An artifact's source that is relative.
    #[error("the artifact `{0}` must be an absolute path in the builder image")]
    RelativeSource(String),
    /// An artifact's destination that is absolute or climbs.
    #[error(
        "the destination `{0}` must be a directory below the runtime image's working directory"
    )]
    OutsideDestination(String),
}

/// A `;`-separated list of mappings, as flags and labels have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingList(pub Vec<Mapping>);

impl FromStr for MappingList {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let entries = text
            .split(';')
            .map(str::trim)
            .filter(|entry| !entry.is_empty());
        entries.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Mapping {
    type Err = MappingError;

    /// Splits at the last `:`.
    fn from_str(entry: &str) -> Result<Self, Self::Err> {
        let (source, destination) = entry.rsplit_once(':').unwrap_or((entry, ""));
        let unquote = |half: &str| {
            half.trim()
                .trim_matches(|c| c == '"' || c == '\'')
                .to_owned()
        };
        let (source, destination) = (unquote(source), unquote(destination));
        for half in [&source, &destination] {
            if let Some(character) = half.chars().find(|c| is_forbidden(*c)) {
                return Err(MappingError::Forbidden {
                    entry: entry.into(),
                    character,
                });
            }
        }
        Ok(Self {
            source: clean(&source),
            destination: clean(&destination),
        })
    }
}

impl Mapping {
    /// Checks the pair as a runtime artifact: from an absolute path to a directory below the
    /// runtime image's working directory.
    ///
    /// # Errors
    /// [`MappingError::RelativeSource`] and [`MappingError::OutsideDestination`].
    pub fn check_artifact(&self) -> Result<(), MappingError> {
        if !self.source.starts_with('/') || self.source == "/" || climbs(&self.source) {
            return Err(MappingError::RelativeSource(self.source.clone()));
        }
        if self.destination.starts_with('/') || climbs(&self.destination) {
            return Err(MappingError::OutsideDestination(self.destination.clone()));
        }
        Ok(())
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source, self.destination)
    }
}

fn is_forbidden(c: char) -> bool {
    c.is_control() || ";*?\"<>|%#$!+{}&[],'`".contains(c)
}

fn climbs(path: &str) -> bool {
    path.split('/').any(|part| part == "..")
}

/// Removes doubled slashes, `.`, and each `..` with the component before it; empty becomes `.`.
fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        match (part, parts.last()) {
            ("..", Some(last)) if *last != ".." => drop(parts.pop()),
            ("..", None) if absolute => {}
            _ => parts.push(part),
        }
    }
    match (absolute, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".into(),
        (false, false) => parts.join("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let shown = match text.parse::<MappingList>() {
            Ok(list) => list
                .0
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" "),
            Err(err) => err.to_string(),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_grammar_of_the_go_tool() {
        check("/test:", "/test:.");
        check(":/foo", ".:/foo");
        check("/a;b:/c", "/a:. b:/c");
        check(r"C:\test:/bar", r"C:\test:/bar");
        check("'/a b':c//d/", "/a b:c/d");
        check("", "");
        check("/a/../../b", "/b:.");
        check(
            "/a/*:b",
            "`/a/*:b` has a `*` in it; paths are taken literally, there are no wildcards or quotes",
        );
    }

    #[test]
    fn artifacts_stay_below_the_working_directory() {
        let artifact = |text: &str| text.parse::<Mapping>().unwrap().check_artifact();
        assert_eq!(artifact("/opt/app-root/bin"), Ok(()));
        assert_eq!(artifact("/opt/app:bin"), Ok(()));
        assert!(artifact("opt/app").is_err());
        assert!(artifact("/opt/app:../x").is_err());
        assert!(artifact("/opt/app:/x").is_err());
        assert!(artifact("/").is_err());
    }
}
