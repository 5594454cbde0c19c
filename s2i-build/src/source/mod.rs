//! The adapter that reads sources from directories and Git repositories.

mod checkout;
mod directory;
mod fetch;
mod fingerprint;
mod git;
pub mod location;
mod objects;
mod tree;

use std::{io, path::PathBuf};

use thiserror::Error;

pub use fetch::{LocalAndGit, usual_git};
pub use tree::Fetched;

use crate::cancel::Interrupt;

/// Why the source could not be had.
#[derive(Debug, Error)]
pub enum SourceError {
    /// There is no such directory.
    #[error("the source `{}` does not exist", path.display())]
    Missing {
        /// What was looked for.
        path: PathBuf,
    },
    /// It is a file or something else.
    #[error("the source `{}` is not a directory", path.display())]
    NotADirectory {
        /// What was found.
        path: PathBuf,
    },
    /// The context directory is not in the source.
    #[error("the source has no directory `{context_dir}`")]
    NoContextDir {
        /// What was looked for.
        context_dir: String,
    },
    /// The context directory leads out of the source.
    #[error("the context directory `{context_dir}` leads out of the source")]
    ContextDirOutside {
        /// What was asked for.
        context_dir: String,
    },
    /// The repository has no commit.
    #[error("the Git repository `{location}` has no commit yet")]
    EmptyRepository {
        /// The repository, without credentials.
        location: String,
    },
    /// `git` is not on this machine.
    #[error("`git` is needed to fetch `{location}` and is not on this machine")]
    NoGit {
        /// The repository, without credentials.
        location: String,
    },
    /// Git failed.
    #[error("can't fetch `{location}`: git {operation} failed: {message}")]
    Git {
        /// The repository, without credentials.
        location: String,
        /// The command of Git.
        operation: &'static str,
        /// What it wrote, on one line, without control characters and credentials.
        message: String,
    },
    /// A branch, tag or commit that Git can't take as one.
    #[error("`{0}` can't be the name of a branch, tag or commit")]
    BadRef(String),
    /// A reference for files that Git is not asked for.
    #[error("`{reference}` can't be built: the source is taken as the files in `{}`", path.display())]
    RefOfFiles {
        /// The branch, tag or commit that was asked for.
        reference: String,
        /// The directory.
        path: PathBuf,
    },
    /// `--exclude` is no regular expression.
    #[error(transparent)]
    Exclude(#[from] s2i_core::ignore::ExcludeError),
    /// The rules of what is left out can't be used.
    #[error(transparent)]
    Ignore(#[from] s2i_core::ignore::IgnoreError),
    /// A repository of another user takes objects from outside of its directory.
    #[error(
        "the Git repository `{location}` belongs to another user (uid {owner}) and takes its objects from `{}`",
        outside.display()
    )]
    ForeignObjects {
        /// The repository.
        location: String,
        /// The owner of its directory, or of Git's own directory in it.
        owner: u32,
        /// The directory of the objects.
        outside: PathBuf,
    },
    /// The file system refused something.
    #[error("can't {operation} `{}`", path.display())]
    Io {
        /// What was to be done.
        operation: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Somebody stopped it.
    #[error("stopped by {0}")]
    Interrupted(Interrupt),
}

impl SourceError {
    fn io(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            operation,
            path,
            source,
        }
    }
}
