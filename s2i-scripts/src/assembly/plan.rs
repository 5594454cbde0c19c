//! The plan of `assemble`, as data.

use std::fmt;

use s2i_core::ContainerPath;
use serde::Serialize;

use crate::host::{Invocation, quote};

/// The plan of a build. Its execution needs no further choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Plan {
    /// The recipe that made the plan: `go`, `node` or `binary`.
    pub(crate) recipe: &'static str,
    /// The findings and choices with their reasons, for users.
    pub(crate) reasons: Vec<String>,
    /// Warnings about the result, for users.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
    /// The path of the application: a program, or the directory that holds it.
    pub(crate) application: ContainerPath,
    pub(crate) phases: Vec<Phase>,
}

/// A list of steps with a title for users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Phase {
    pub(crate) title: String,
    pub(crate) steps: Vec<Step>,
}

impl Phase {
    pub(crate) fn new(title: impl Into<String>, steps: Vec<Step>) -> Self {
        Self {
            title: title.into(),
            steps,
        }
    }
}

/// A step of a plan. Nothing happens where a tree does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(crate) enum Step {
    /// Makes a directory and those above it.
    MakeDirectory {
        path: ContainerPath,
    },
    /// Writes a small file, and makes its directory.
    Write {
        path: ContainerPath,
        content: String,
    },
    /// Moves a tree, so that `from` itself becomes `to`. Files that `to` has already stay.
    Move {
        from: ContainerPath,
        to: ContainerPath,
    },
    /// Moves a file or a tree as [`Move`](Self::Move) does, without files whose names have this ending.
    Keep {
        from: ContainerPath,
        to: ContainerPath,
        except: &'static str,
    },
    /// Makes a tree available at another path while the build runs, without a copy: by renaming it, or by a
    /// link where it lies in a mount.
    Use {
        from: ContainerPath,
        to: ContainerPath,
    },
    /// Moves the content of a directory into another one, where it replaces what has the same name.
    Install {
        from: ContainerPath,
        to: ContainerPath,
    },
    /// Makes a symbolic link, and its directory.
    Link {
        path: ContainerPath,
        target: String,
    },
    Run(Invocation),
    /// Replaces the content of a directory with the output that the build has made below it.
    InstallOutput {
        output: ContainerPath,
        root: ContainerPath,
        /// Other trees that belong to the output.
        assets: Vec<Asset>,
        /// The content of a Procfile, where the output alone does not show how it starts.
        procfile: Option<String>,
    },
    Remove {
        path: ContainerPath,
    },
    /// Removes the files of a cache that hold the value of a variable; the tools make them again.
    Purge {
        path: ContainerPath,
        variables: Vec<String>,
    },
    /// Fails when a file of a tree holds the value of a variable.
    Search {
        path: ContainerPath,
        variables: Vec<String>,
    },
    /// Removes a cache that has more than `limit` bytes, so that the next build fills it again.
    Trim {
        path: ContainerPath,
        limit: u64,
    },
    /// Gives a program its final mode (0755) and time (seconds since 1970), and its directory's group the
    /// owner's rights.
    Seal {
        path: ContainerPath,
        epoch: u64,
    },
    /// Gives the group the owner's rights on a whole tree, so that the next build, and the
    /// application, may run as another user.
    Share {
        path: ContainerPath,
    },
}

/// A tree that is moved into the output of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Asset {
    pub(crate) from: ContainerPath,
    pub(crate) to: ContainerPath,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MakeDirectory { path } => write!(f, "make {path}"),
            Self::Write { path, content } => write!(f, "write {path} {content:?}"),
            Self::Move { from, to } => write!(f, "move {from} -> {to}"),
            Self::Keep { from, to, except } => {
                write!(f, "keep {from} -> {to} without .{except}")
            }
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
            Self::Purge { path, variables } => {
                write!(f, "purge {path} of {}", variables.join(", "))
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
