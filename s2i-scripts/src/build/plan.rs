//! What `assemble` is going to do, as data.

use std::fmt;

use s2i_core::ContainerPath;
use serde::Serialize;

use crate::host::{Invocation, quote};

/// A build, decided: executing it needs no further choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What kind of application was found.
    pub recipe: &'static str,
    /// What was found and chosen, and why: for people.
    pub reasons: Vec<String>,
    /// What people should know before they rely on the result.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Where the application will be: a program, or the directory that holds it.
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

impl Phase {
    /// A phase of these steps.
    pub(crate) fn new(title: impl Into<String>, steps: Vec<Step>) -> Self {
        Self {
            title: title.into(),
            steps,
        }
    }
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
    /// Makes a tree be at another place for as long as the build runs, without a copy of it: by its name,
    /// or by a link to what is a mount's.
    Use {
        /// The tree; nothing happens where there is none.
        from: ContainerPath,
        /// Where it is used.
        to: ContainerPath,
    },
    /// Moves everything that a directory holds into another one, where it takes the place of what has
    /// the same name.
    Install {
        /// The directory, which stays and is empty afterwards.
        from: ContainerPath,
        /// Where its content goes.
        to: ContainerPath,
    },
    /// Makes a link.
    Link {
        /// The link; its directory is made.
        path: ContainerPath,
        /// What it says.
        target: String,
    },
    /// Runs a command.
    Run(Invocation),
    /// Lets a part of a directory take the place of all that the directory holds.
    Promote {
        /// The part, which the steps before may have made; nothing happens where there is none.
        part: ContainerPath,
        /// The directory.
        whole: ContainerPath,
        /// What comes along, from where to which place in the part; what is not there does not.
        keep: Vec<Kept>,
        /// A file that says how to start the part, if that is not clear from what it holds.
        procfile: Option<String>,
    },
    /// Removes a tree; nothing happens where there is none.
    Remove {
        /// The tree.
        path: ContainerPath,
    },
    /// Removes the files of a cache that hold a secret: what is missing there is made again.
    Forget {
        /// The cache.
        path: ContainerPath,
        /// The variables that hold the secrets.
        variables: Vec<String>,
    },
    /// Fails when a file of a tree holds a secret.
    Search {
        /// The tree.
        path: ContainerPath,
        /// The variables that hold the secrets.
        variables: Vec<String>,
    },
    /// Empties a cache that has grown too large, so that the next build fills it anew.
    Trim {
        /// The cache.
        path: ContainerPath,
        /// The bytes that it may have.
        limit: u64,
    },
    /// Gives a program its final mode (0755) and time, and its directory's group the owner's rights.
    Seal {
        /// The program.
        path: ContainerPath,
        /// The time, in seconds since 1970.
        epoch: u64,
    },
    /// Gives the group the owner's rights on a whole tree, so that the next build, and the
    /// application, may run as another user.
    Share {
        /// The tree.
        path: ContainerPath,
    },
}

/// What comes along when a part of a directory takes the place of the whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// What comes along.
    pub from: ContainerPath,
    /// Its place in the part.
    pub to: ContainerPath,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MakeDirectory { path } => write!(f, "make {path}"),
            Self::Write { path, content } => write!(f, "write {path} {content:?}"),
            Self::Move { from, to } => write!(f, "move {from} -> {to}"),
            Self::Use { from, to } => write!(f, "use {from} as {to}"),
            Self::Install { from, to } => write!(f, "install {from}/* -> {to}"),
            Self::Link { path, target } => write!(f, "link {path} -> {target}"),
            Self::Run(invocation) => {
                write!(f, "in {}", invocation.directory)?;
                invocation
                    .env
                    .iter()
                    .try_for_each(|(name, value)| write!(f, " {name}={}", quote(value)))?;
                write!(f, " {}", invocation.words())
            }
            Self::Promote {
                part,
                whole,
                keep,
                procfile,
            } => {
                write!(f, "promote {part} -> {whole}")?;
                keep.iter()
                    .try_for_each(|kept| write!(f, ", {} -> {}", kept.from, kept.to))?;
                procfile
                    .iter()
                    .try_for_each(|text| write!(f, ", Procfile {text:?}"))
            }
            Self::Remove { path } => write!(f, "remove {path}"),
            Self::Forget { path, variables } => {
                write!(f, "forget {} in {path}", variables.join(", "))
            }
            Self::Search { path, variables } => {
                write!(f, "search {path} for {}", variables.join(", "))
            }
            Self::Trim { path, limit } => write!(f, "trim {path} to {limit}"),
            Self::Seal { path, epoch } => write!(f, "seal {path} @{epoch}"),
            Self::Share { path } => write!(f, "share {path}"),
        }
    }
}
