//! The plan of `assemble`, as data.

use std::fmt;

use s2i_core::ContainerPath;
use serde::Serialize;

use crate::host::{Invocation, quote};

/// The plan of a build. Its execution needs no further choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The recipe that made the plan: `go`, `node` or `binary`.
    pub recipe: &'static str,
    /// The findings and choices with their reasons, for users.
    pub reasons: Vec<String>,
    /// Warnings about the result, for users.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The path of the application: a program, or the directory that holds it.
    pub application: ContainerPath,
    /// The phases, in order.
    pub phases: Vec<Phase>,
}

/// A list of steps with a title.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Phase {
    /// The title that the user reads.
    pub title: String,
    /// The steps, in order.
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

/// A step of a plan.
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
    /// Moves a tree, so that `from` itself becomes `to`. Files that `to` has already stay.
    Move {
        /// The tree; nothing happens where there is none.
        from: ContainerPath,
        /// The path that it gets.
        to: ContainerPath,
    },
    /// Makes a tree available at another path while the build runs, without a copy: by renaming it, or by a
    /// link where it lies in a mount.
    Use {
        /// The tree; nothing happens where there is none.
        from: ContainerPath,
        /// The path at which it is used.
        to: ContainerPath,
    },
    /// Moves everything that a directory holds into another one, where it replaces what has the same name.
    Install {
        /// The directory, which stays and is empty afterwards.
        from: ContainerPath,
        /// The directory that gets the content.
        to: ContainerPath,
    },
    /// Makes a link.
    Link {
        /// The link; its directory is made.
        path: ContainerPath,
        /// The target of the link.
        target: String,
    },
    /// Runs a command.
    Run(Invocation),
    /// Replaces all that a directory holds with the output that the build has made below it.
    InstallOutput {
        /// The output; nothing happens where there is none.
        output: ContainerPath,
        /// The directory.
        root: ContainerPath,
        /// Other trees that belong to the output; those that are not there are left out.
        assets: Vec<Asset>,
        /// The content of a Procfile, where the output alone does not show how it starts.
        procfile: Option<String>,
    },
    /// Removes a tree; nothing happens where there is none.
    Remove {
        /// The tree.
        path: ContainerPath,
    },
    /// Removes the files of a cache that hold a secret; the tools make them again.
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

/// A tree that is moved into the output of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asset {
    /// The tree.
    pub from: ContainerPath,
    /// Its path in the output.
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
                write!(f, " {}", invocation.command_line())
            }
            Self::InstallOutput {
                output,
                root,
                assets,
                procfile,
            } => {
                write!(f, "install output {output} -> {root}")?;
                assets
                    .iter()
                    .try_for_each(|asset| write!(f, ", {} -> {}", asset.from, asset.to))?;
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
