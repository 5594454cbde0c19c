//! The port to a container of a build.

use std::{collections::BTreeMap, fmt};

use s2i_core::{
    Capability, ContainerPath, EnvVar, ImageRef, Secret, Times,
    image::ContainerConfig,
    wire::{Exit, ReadItem, Removal},
};

use super::EngineError;
use crate::{
    context::BuildContext,
    event::Progress,
    stream::{ArchiveStream, Tree},
};

/// A container in which one operation is done after another. Its owner discards it in the end in any case; after an
/// error or an interrupt, no other operation is possible.
pub trait Container: Send {
    /// Returns the uid of the user that it was [started](super::Start::user) for, by the tables of its image.
    fn uid(&self) -> u32;

    /// Returns whether it has the [artifacts](super::Start::artifacts) that it was started with.
    fn has_artifacts(&self) -> bool {
        false
    }

    /// Returns whether it has the [source](super::Start::source) that it was started with.
    fn has_source(&self) -> bool {
        false
    }

    /// Returns the uid of a user, by the tables of the container when it is asked for first.
    fn identify(
        &mut self,
        user: &str,
        context: BuildContext<'_>,
    ) -> impl Future<Output = Result<u32, EngineError>> + Send;

    /// Uploads an input.
    fn unpack(
        &mut self,
        input: Input<'_>,
        context: BuildContext<'_>,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Puts the files of an archive into a directory, which is created if its parent exists. They are removed before
    /// the commit, which fails if a file that changed has the content of one of them.
    fn inject(
        &mut self,
        into: &ContainerPath,
        archive: ArchiveStream<'_>,
        context: BuildContext<'_>,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Runs a program and waits for it; its output is sent as events. A status other than 0 is not an error here.
    fn exec(
        &mut self,
        program: &Program,
        context: BuildContext<'_>,
    ) -> impl Future<Output = Result<Exit, EngineError>> + Send;

    /// Runs a program and streams its standard output, which is an archive. The stream fails unless the program ends
    /// with status 0.
    fn exec_archive<'a>(
        &'a mut self,
        program: &Program,
        progress: &'a Progress<'_>,
    ) -> ArchiveStream<'a>;

    /// Streams files out. A missing item fails the stream.
    fn read(&mut self, files: Files) -> ArchiveStream<'_>;

    /// Returns the content of a file; `None` where there is none. The file may have at most
    /// [`FILE`](s2i_core::bounds::FILE) bytes.
    fn read_file(
        &mut self,
        path: &ContainerPath,
        context: BuildContext<'_>,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, EngineError>> + Send;

    /// Removes the paths of the request and commits the rest as an image, with exactly this config.
    fn commit(
        &mut self,
        commit: &Commit,
        context: BuildContext<'_>,
    ) -> impl Future<Output = Result<Committed, EngineError>> + Send;

    /// Removes the container and everything in it.
    fn discard(self) -> impl Future<Output = Result<(), EngineError>> + Send;
}

/// Files of a container that are streamed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The files and directories, in this order.
    pub items: Vec<ReadItem>,
    /// The rule for their modification times.
    pub times: Times,
    /// True if they keep their permissions; otherwise a file has the mode 0644, or 0755 if it can be executed.
    pub keep_modes: bool,
}

/// A program in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Path and arguments.
    pub argv: Vec<String>,
    /// The whole environment except secrets.
    pub env: Vec<EnvVar>,
    /// Variables that override those, and whose values are masked in the program's output.
    pub secrets: Vec<Secret>,
    /// Other texts that are masked in its output.
    pub masked: Vec<Secret<String>>,
    /// The capabilities that it can't have.
    pub without: Vec<Capability>,
    /// The working directory.
    pub cwd: ContainerPath,
    /// The user; see [`Start::user`](super::Start::user).
    pub user: String,
}

/// An input of a container.
#[derive(Debug)]
pub struct Input<'a> {
    /// The directory that it is unpacked into, created for the container's user when it does not exist.
    pub into: ContainerPath,
    /// The content.
    pub content: Content<'a>,
    /// The owner, in the notation of image configs, in place of the container's user.
    pub owner: Option<String>,
}

/// The content of an input.
pub enum Content<'a> {
    /// A directory of the host.
    Tree(Tree),
    /// An archive that is being generated.
    Archive(ArchiveStream<'a>),
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tree(tree) => tree.fmt(f),
            Self::Archive(_) => f.write_str("Archive"),
        }
    }
}

/// The parameters of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Paths that are removed first.
    pub remove: Vec<Removal>,
    /// The modification times of files that changed.
    pub times: Times,
    /// Paths that must exist and be executable.
    pub require: Vec<ContainerPath>,
    /// The whole config of the image.
    pub config: ContainerConfig,
    /// The name of the image.
    pub tag: Option<ImageRef>,
}

/// A committed image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The ID in the engine.
    pub id: String,
    /// Its size as the engine counts it, in bytes.
    pub size: u64,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
}
