//! `NAME=VALUE`: from `-e`, from environment files, from `.s2i/environment`.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Diagnostic, diagnostic::LineDiagnostics};

/// One environment variable.
///
/// `Debug` and `Display` show the name only, because values may be secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub struct EnvVar {
    name: String,
    value: String,
}

/// A variable before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    name: String,
    value: String,
}

impl TryFrom<Fields> for EnvVar {
    type Error = EnvVarError;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        Self::new(&fields.name, &fields.value)
    }
}

/// An error for text that is not a valid environment variable.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EnvVarError {
    /// The text has no `=`.
    #[error("`{0}` has no `=`; write it as NAME=VALUE")]
    NoEquals(String),
    /// The name before the `=` is empty.
    #[error("there is no name before the `=`; write it as NAME=VALUE")]
    NoName,
    /// The value has a NUL, which can't be passed to a process.
    #[error("the value of `{0}` has a NUL byte in it")]
    Nul(String),
}

impl EnvVar {
    /// A variable of this name and value.
    ///
    /// # Errors
    /// [`EnvVarError`] when the name is empty or has a `=`, or either has a NUL.
    pub fn new(name: &str, value: &str) -> Result<Self, EnvVarError> {
        if name.is_empty() || name.contains('=') {
            return Err(EnvVarError::NoName);
        }
        if name.contains('\0') || value.contains('\0') {
            return Err(EnvVarError::Nul(name.replace('\0', "")));
        }
        Ok(Self {
            name: name.into(),
            value: value.into(),
        })
    }

    /// The name; never empty.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value; may be a secret.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// `NAME=VALUE`, as image configs and processes have it.
    #[must_use]
    pub fn to_entry(&self) -> String {
        format!("{}={}", self.name, self.value)
    }
}

impl FromStr for EnvVar {
    type Err = EnvVarError;

    /// Splits at the first `=` and trims the white space around name and value.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| EnvVarError::NoEquals(text.into()))?;
        Self::new(name.trim(), value.trim())
    }
}

impl fmt::Debug for EnvVar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=…", self.name)
    }
}

impl fmt::Display for EnvVar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Reads an environment file, `place` being its name in diagnostics.
///
/// The file has one variable a line; blank lines and lines that start with `#` or `//` are ignored. An invalid line is
/// skipped and reported; of many invalid lines only the first are listed.
#[must_use]
pub fn parse_file(place: &str, text: &str) -> (Vec<EnvVar>, Vec<Diagnostic>) {
    let mut variables = Vec::new();
    let mut diagnostics = LineDiagnostics::new(place);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("//") {
            continue;
        }
        // Files for shells have it in front of names.
        let line = line.strip_prefix("export ").unwrap_or(line);
        match line.parse::<EnvVar>() {
            Ok(variable) if variable.name.contains(char::is_whitespace) => diagnostics.add(
                index,
                "the name of this line has white space in it, and the line was skipped",
            ),
            Ok(variable) => variables.push(variable),
            Err(_) => diagnostics.add(index, "this line is not NAME=VALUE and was skipped"),
        }
    }
    (
        variables,
        diagnostics.finish("are not NAME=VALUE and were skipped"),
    )
}

/// Joins lists of variables. Later lists and entries win; each name is kept once, in the position of its first
/// occurrence.
#[must_use]
pub fn merge<'a>(lists: impl IntoIterator<Item = &'a [EnvVar]>) -> Vec<EnvVar> {
    let mut merged: Vec<EnvVar> = Vec::new();
    let mut places = HashMap::new();
    for variable in lists.into_iter().flatten() {
        match places.entry(variable.name.as_str()) {
            Entry::Occupied(place) => {
                let known: &mut EnvVar = &mut merged[*place.get()];
                known.value.clone_from(&variable.value);
            }
            Entry::Vacant(place) => {
                place.insert(merged.len());
                merged.push(variable.clone());
            }
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounds;

    #[test]
    fn a_file_keeps_values_as_they_are_and_reports_what_it_skips() {
        let text = "# comment\nA=1\n  B = two words, c=d \nnonsense\n// also\n=x\nC=\"quoted\"\r\nexport D=4\nset E=5\n";
        let (variables, diagnostics) = parse_file("env", text);
        let entries: Vec<_> = variables.iter().map(EnvVar::to_entry).collect();
        let expected = ["A=1", "B=two words, c=d", "C=\"quoted\"", "D=4"];
        assert_eq!(entries, expected);
        let places: Vec<_> = diagnostics.iter().map(|d| d.place.as_str()).collect();
        assert_eq!(places, ["env:4", "env:6", "env:9"]);
    }

    #[test]
    fn of_many_bad_lines_the_first_are_reported_and_the_others_counted() {
        let (_, diagnostics) = parse_file("env", &"nonsense\n".repeat(1000));
        assert_eq!(diagnostics.len(), bounds::DIAGNOSTICS + 1);
        let last = diagnostics.last().unwrap().to_string();
        assert_eq!(
            last,
            "env: 980 more lines are not NAME=VALUE and were skipped"
        );
    }

    /// This would take minutes with a search for each variable.
    #[test]
    fn a_million_variables_are_joined() {
        let list: Vec<_> = (0..1_000_000)
            .map(|number| EnvVar::new(&format!("V{number}"), "x").unwrap())
            .collect();
        assert_eq!(merge([&list[..], &list[..]]), list);
    }

    #[test]
    fn later_values_win_at_the_first_place() {
        let list = |text: &str| parse_file("x", text).0;
        let merged = merge([&list("A=1\nB=2")[..], &list("C=3\nA=4")[..]]);
        let entries: Vec<_> = merged.iter().map(EnvVar::to_entry).collect();
        assert_eq!(entries, ["A=4", "B=2", "C=3"]);
    }

    #[test]
    fn no_bad_variable_comes_out_of_json() {
        for (name, is_good) in [
            ("A", true),
            ("", false),
            ("A=B", false),
            ("A\\u0000", false),
        ] {
            let json = format!(r#"{{"name":"{name}","value":"1"}}"#);
            let read = serde_json::from_str::<EnvVar>(&json);
            assert_eq!(read.is_ok(), is_good, "{json}");
        }
    }

    #[test]
    fn debug_does_not_show_values() {
        let secret: EnvVar = "TOKEN=hunter2".parse().unwrap();
        assert_eq!(format!("{secret:?} {secret}"), "TOKEN=… TOKEN");
    }
}
