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
    /// Runs a command, and another one, after a warning, where the first has failed with one of these texts.
    RunOr {
        first: Invocation,
        texts: &'static [&'static str],
        warning: String,
        otherwise: Invocation,
    },
    /// Replaces the content of a directory with the first output that the build has made below it.
    InstallOutput(Outputs),
    Remove {
        path: ContainerPath,
    },
    /// Removes the installed packages for Node.js that these packages of the source do not need in production.
    PruneModules {
        root: ContainerPath,
        packages: Vec<ContainerPath>,
    },
    /// Copies the installed packages for Node.js into a cache, with a digest.
    SaveModules {
        from: ContainerPath,
        to: ContainerPath,
    },
    /// Copies them from a cache into the application.
    RestoreModules {
        from: ContainerPath,
        to: ContainerPath,
    },
    /// Fails when an installed package for Node.js is a link to nothing.
    CheckLinks {
        root: ContainerPath,
    },
    /// Removes the installed packages for Node.js that are links to nothing.
    RemoveLinks {
        root: ContainerPath,
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

/// Outputs that a build may make, the best first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Outputs {
    /// The directory whose content the output replaces.
    pub(crate) root: ContainerPath,
    pub(crate) list: Vec<Replacement>,
    /// It is an error if there is none.
    pub(crate) is_needed: bool,
    /// The advice for that case, if the tool is known for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
}

/// An output of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Replacement {
    pub(crate) path: ContainerPath,
    /// The file in it without which it is not complete.
    pub(crate) entry: Option<String>,
    /// Other trees that belong to it.
    pub(crate) assets: Vec<Asset>,
    /// The content of a Procfile, where the output alone does not show how it starts.
    pub(crate) procfile: Option<String>,
    /// It needs the rest, and stays where it is; only the Procfile is added.
    pub(crate) stays: bool,
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
            Self::Run(invocation) => write_command(f, invocation),
            Self::RunOr {
                first, otherwise, ..
            } => {
                write_command(f, first)?;
                write!(f, " || {}", otherwise.command_line())
            }
            Self::InstallOutput(outputs) => outputs.fmt(f),
            Self::PruneModules { root, packages } => {
                write!(f, "prune {root} for")?;
                let mut packages = packages.iter();
                packages.try_for_each(|path| write!(f, " {path}"))
            }
            Self::SaveModules { from, to } => write!(f, "save packages of {from} -> {to}"),
            Self::RestoreModules { from, to } => write!(f, "restore packages {from} -> {to}"),
            Self::CheckLinks { root } => write!(f, "check links of {root}"),
            Self::RemoveLinks { root } => write!(f, "remove links of {root} to nothing"),
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

fn write_command(f: &mut fmt::Formatter<'_>, invocation: &Invocation) -> fmt::Result {
    write!(f, "in {}", invocation.directory)?;
    let mut env = invocation.env.iter();
    env.try_for_each(|(name, value)| write!(f, " {name}={}", quote(value)))?;
    write!(f, " {}", invocation.command_line())
}

impl fmt::Display for Outputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, output) in self.list.iter().enumerate() {
            let verb = match (index, output.stays) {
                (0, false) => "install output",
                (_, false) => ", else",
                (0, true) => "start output",
                (_, true) => ", else start",
            };
            write!(f, "{verb} {}", output.path)?;
            if let Some(entry) = &output.entry {
                write!(f, " with {entry}")?;
            }
            for asset in &output.assets {
                write!(f, ", {} -> {}", asset.from, asset.to)?;
            }
            if let Some(text) = &output.procfile {
                write!(f, ", Procfile {text:?}")?;
            }
        }
        write!(f, " -> {}", self.root)?;
        if self.is_needed {
            f.write_str(", or fail")?;
        }
        Ok(())
    }
}
