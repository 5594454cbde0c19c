//! The adapter that reads sources from directories and Git repositories.

mod checkout;
mod directory;
mod fetch;
mod fingerprint;
mod git;
mod lfs;
pub mod location;
mod matches;
mod modules;
mod objects;
mod origin;
pub mod platform;
mod reference;
mod repository;
mod submodules;
mod tree;

use std::{io, path::PathBuf};

use thiserror::Error;

pub use fetch::{LocalAndGit, usual_git};
pub use fingerprint::Survey;
pub use modules::SubmoduleError;
pub use origin::Origin;
pub use tree::Fetched;

use crate::{cancel::Interrupt, ports::BoxError};

/// The reason why the source could not be read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// There is no such directory.
    #[error("the source `{}` does not exist", .0.display())]
    Missing(PathBuf),
    /// The source is not a directory.
    #[error("the source `{}` is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// The context directory is not in the source.
    #[error("the source has no directory `{0}`")]
    NoContextDir(String),
    /// The context directory leads out of the source.
    #[error("the context directory `{0}` leads out of the source")]
    ContextDirOutside(String),
    /// The repository has no commit.
    #[error("the Git repository `{0}` has no commit yet")]
    EmptyRepository(String),
    /// The commit of a repository can't be read.
    #[error("can't read the commit of `{}`", path.display())]
    Commit {
        /// Git's own directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// `git` is not on this machine.
    #[error("`git` is needed to fetch `{0}` and is not on this machine")]
    NoGit(String),
    /// Git failed.
    #[error("can't fetch `{location}`: git {operation} failed: {message}")]
    Git {
        /// The repository, without credentials.
        location: String,
        /// The command of Git.
        operation: &'static str,
        /// The message of Git, on one line, without control characters and credentials.
        message: String,
    },
    /// A submodule can't be fetched.
    #[error("can't fetch the submodule `{path}`")]
    Submodule {
        /// Its path in the source.
        path: String,
        /// The reason.
        #[source]
        source: Box<SubmoduleError>,
    },
    /// `git-lfs` is not on this machine.
    #[error("`git-lfs` is needed for the content of {files} and is not on this machine")]
    NoLfs {
        /// The first files.
        files: String,
    },
    /// Git LFS has no content for files.
    #[error("can't fetch the content of {files} with Git LFS")]
    Lfs {
        /// The first files.
        files: String,
        /// The failure.
        #[source]
        source: Option<Box<SourceError>>,
    },
    /// A server for Git LFS that is not allowed for sources either.
    #[error("`.lfsconfig` names the server `{0}`, which is not allowed")]
    LfsAddress(String),
    /// A link or a directory in the place of the file that names the server of Git LFS.
    #[error("`.lfsconfig` is not a regular file")]
    LfsConfig,
    /// An invalid name of a branch, tag or commit.
    #[error("`{0}` can't be the name of a branch, tag or commit")]
    BadRef(String),
    /// A reference for a directory that is not read with Git.
    #[error("`{reference}` can't be built: the source is taken as the files in `{}`", path.display())]
    RefOfFiles {
        /// The requested branch, tag or commit.
        reference: String,
        /// The directory.
        path: PathBuf,
    },
    /// `--exclude` is not a regular expression.
    #[error(transparent)]
    Exclude(#[from] s2i_core::ignore::ExcludeError),
    /// The rules that leave files out can't be used.
    #[error(transparent)]
    Ignore(#[from] s2i_core::ignore::IgnoreError),
    /// A repository of another user reads objects from outside of its directory.
    #[error(
        "the Git repository `{location}` belongs to another user (uid {owner}) and takes its objects from `{}`",
        outside.display()
    )]
    OutsideObjects {
        /// The repository.
        location: String,
        /// The owner of its directory, or of Git's own directory in it.
        owner: u32,
        /// The directory of the objects.
        outside: PathBuf,
    },
    /// Scripts can't be fetched.
    #[error("can't fetch the scripts of `{url}`")]
    Scripts {
        /// The URL of one of them, or of their directory.
        url: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// An operation of the file system failed.
    #[error("can't {operation} `{}`", path.display())]
    Io {
        /// The operation.
        operation: &'static str,
        /// The path.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The fetch was cancelled.
    #[error("stopped by {0}")]
    Interrupted(Interrupt),
}

impl SourceError {
    pub(crate) fn io(
        operation: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            operation,
            path,
            source,
        }
    }
}
