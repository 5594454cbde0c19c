//! What `assemble` is going to do, as data.

use std::{collections::BTreeMap, fmt};

use s2i_core::ContainerPath;
use serde::Serialize;

/// A build, decided: executing it needs no further choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What kind of application was found.
    pub recipe: &'static str,
    /// What was found and chosen, and why: for people.
    pub reasons: Vec<String>,
    /// The program that the image will run.
    pub application: ContainerPath,
    /// What is done, in this order.
    pub phases: Vec<Phase>,
}

/// Some steps under one title.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Phase {
    /// What the user reads.
    pub title: String,
    /// What is done, in this order.
    pub steps: Vec<Step>,
}

/// One thing that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Step {
    /// Makes a directory and those above it.
    MakeDirectory {
        /// The directory.
        path: ContainerPath,
    },
    /// Writes a small file.
    Write {
        /// The file; its directory is made.
        path: ContainerPath,
        /// All of its content.
        content: String,
    },
    /// Moves a tree to where it is used, so that `from` itself becomes `to`. What `to` has already
    /// stays.
    Move {
        /// The tree; nothing happens where there is none.
        from: ContainerPath,
        /// What it becomes.
        to: ContainerPath,
    },
    /// Runs a command.
    Run(Invocation),
    /// Gives a program its final mode (0755) and time, and its directory's group the owner's rights.
    Seal {
        /// The program.
        path: ContainerPath,
        /// The time, in seconds since 1970.
        epoch: u64,
    },
    /// Gives the group the owner's rights on a whole tree, so that the next build may run as another
    /// user.
    Share {
        /// The tree.
        path: ContainerPath,
    },
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Invocation {
    /// The program, with its path.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables that are set in addition to those that assemble itself was given.
    pub env: BTreeMap<String, String>,
    /// Where it runs.
    pub directory: ContainerPath,
}

impl Invocation {
    /// The words of a shell that would do the same, without the directories of the program.
    #[must_use]
    pub fn words(&self) -> String {
        let name = self.program.rsplit('/').next().unwrap_or_default();
        let words = std::iter::once(name)
            .chain(self.args.iter().map(String::as_str))
            .map(quote);
        words.collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MakeDirectory { path } => write!(f, "make {path}"),
            Self::Write { path, content } => write!(f, "write {path} {content:?}"),
            Self::Move { from, to } => write!(f, "move {from} -> {to}"),
            Self::Run(invocation) => {
                write!(f, "in {}", invocation.directory)?;
                invocation
                    .env
                    .iter()
                    .try_for_each(|(name, value)| write!(f, " {name}={}", quote(value)))?;
                write!(f, " {}", invocation.words())
            }
            Self::Seal { path, epoch } => write!(f, "seal {path} @{epoch}"),
            Self::Share { path } => write!(f, "share {path}"),
        }
    }
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_can_be_pasted_into_a_shell() {
        let invocation = Invocation {
            program: "/usr/local/go/bin/go".into(),
            args: vec![
                "build".into(),
                "-ldflags=-s -w".into(),
                String::new(),
                "it's".into(),
            ],
            env: BTreeMap::new(),
            directory: ContainerPath::root(),
        };
        assert_eq!(
            invocation.words(),
            r"go build '-ldflags=-s -w' '' 'it'\''s'"
        );
    }
}
