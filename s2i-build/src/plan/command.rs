//! The programs of a plan by their names.

use std::{fmt, str::FromStr};

use s2i_core::Script;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The word before a trigger.
const ON_BUILD: &str = "ONBUILD ";

/// The characters of a trigger that its name has.
const SHOWN: usize = 80;

/// The name of a program that a build runs: a script, or an `ONBUILD` trigger of the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Command {
    /// A script.
    Script(Script),
    /// A trigger: its text, or the beginning of it.
    Trigger(String),
}

/// A name that is neither a script nor a trigger.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is neither a script nor a trigger")]
pub struct UnknownCommand(String);

impl Command {
    /// Returns the name of a trigger.
    #[must_use]
    pub fn trigger(text: &str) -> Self {
        let text = text.trim();
        let short: String = text.chars().take(SHOWN).collect();
        Self::Trigger(if short.len() < text.len() {
            short + "…"
        } else {
            short
        })
    }

    /// Returns the script, unless it is a trigger.
    #[must_use]
    pub fn script(&self) -> Option<Script> {
        match self {
            Self::Script(script) => Some(*script),
            Self::Trigger(_) => None,
        }
    }
}

impl From<Script> for Command {
    fn from(script: Script) -> Self {
        Self::Script(script)
    }
}

impl PartialEq<Script> for Command {
    fn eq(&self, script: &Script) -> bool {
        self.script() == Some(*script)
    }
}

impl FromStr for Command {
    type Err = UnknownCommand;

    fn from_str(name: &str) -> Result<Self, UnknownCommand> {
        if let Some(text) = name.strip_prefix(ON_BUILD) {
            return Ok(Self::Trigger(text.into()));
        }
        let script = Script::from_file_name(name);
        script
            .map(Self::Script)
            .ok_or_else(|| UnknownCommand(name.into()))
    }
}

impl TryFrom<String> for Command {
    type Error = UnknownCommand;

    fn try_from(name: String) -> Result<Self, UnknownCommand> {
        name.parse()
    }
}

impl From<Command> for String {
    fn from(command: Command) -> Self {
        command.to_string()
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Script(script) => script.fmt(f),
            Self::Trigger(text) => write!(f, "{ON_BUILD}{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in ["assemble", "save-artifacts", "ONBUILD RUN npm install"] {
            assert_eq!(name.parse::<Command>().unwrap().to_string(), name);
        }
        assert!("RUN x".parse::<Command>().is_err());
        let long = Command::trigger(&format!("RUN {}", "é".repeat(1000)));
        assert_eq!(long.to_string().chars().count(), 8 + SHOWN + 1);
        assert_eq!(long.to_string().parse(), Ok(long));
    }
}
