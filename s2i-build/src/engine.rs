//! The port to whatever runs containers.
//!
//! It is about *runs*, not about anybody's API: a run starts from an image, gets inputs, runs one
//! program, and what it left can be read, become an image, or be dropped. Where an input lies on the
//! host, a run says so, and each engine decides whether to send, copy or mount it.

use std::{error::Error, fmt};

use s2i_core::{
    Account, ContainerPath, EnvVar, ImageRef, Secret, environment,
    image::ContainerConfig,
    wire::{Exit, Failure, ReadItem},
};
use thiserror::Error;

use crate::{
    cancel::{CancelToken, Interrupt},
    event::Progress,
    facts::{ImageFacts, variables_of},
    plan::{Run, User},
    request::{Limits, Network, PullPolicy},
    stream::{ArchiveStream, Tree},
};

/// Runs containers.
pub trait Engine: Send + Sync {
    /// A container of this engine.
    type Container: Container;

    /// Asks whether the engine answers and what it is.
    fn probe(&self) -> impl Future<Output = Result<EngineInfo, EngineError>> + Send;

    /// Finds an image, pulls it if the policy says so, and pins it by its id.
    fn resolve(
        &self,
        image: &ImageRef,
        policy: PullPolicy,
        progress: &Progress<'_>,
        cancel: &CancelToken,
    ) -> impl Future<Output = Result<ImageFacts, EngineError>> + Send;

    /// Starts a container in which nothing of the image runs yet. On any error nothing is left behind.
    fn start(
        &self,
        start: &Start<'_>,
        progress: &Progress<'_>,
        cancel: &CancelToken,
    ) -> impl Future<Output = Result<Self::Container, EngineError>> + Send;

    /// Gives an image that was made without a name this one.
    fn name(
        &self,
        made: &Committed,
        name: &ImageRef,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Removes an image that was made without a name and has none.
    fn forget(&self, made: &Committed) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// The image that a build of this key has made, now with this name. An engine that remembers
    /// nothing builds every time.
    fn recall(
        &self,
        key: &str,
        tag: Option<&ImageRef>,
    ) -> impl Future<Output = Result<Option<Committed>, EngineError>> + Send {
        let _ = (key, tag);
        std::future::ready(Ok(None))
    }

    /// Remembers what a build of this key has made. It is no loss when that fails.
    fn remember(&self, key: &str, made: &Committed) -> impl Future<Output = ()> + Send {
        let _ = (key, made);
        std::future::ready(())
    }
}

/// A container in which one thing is done after another. Whoever has one discards it in the end,
/// whatever became of it; after an error or an interrupt it is good for nothing else.
pub trait Container: Send {
    /// The number of the user that it was [started](Start::user) for, by the tables of its image.
    fn uid(&self) -> u32;

    /// Whether it has the [artifacts](Start::artifacts) that it was started with.
    fn has_artifacts(&self) -> bool {
        false
    }

    /// Whether it has the [source](Start::source) that it was started with.
    fn has_source(&self) -> bool {
        false
    }

    /// Brings something in.
    fn unpack(
        &mut self,
        input: Input<'_>,
        progress: &Progress<'_>,
        cancel: &CancelToken,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Runs a program and waits for it; what it writes is told as events. A status other than 0 is no
    /// error here.
    fn exec(
        &mut self,
        program: &Program,
        progress: &Progress<'_>,
        cancel: &CancelToken,
    ) -> impl Future<Output = Result<Exit, EngineError>> + Send;

    /// Runs a program and streams what it writes to its standard output, which is an archive. The
    /// stream fails unless the program ends with status 0.
    fn pour<'a>(&'a mut self, program: &Program, progress: &'a Progress<'_>) -> ArchiveStream<'a>;

    /// Streams files of it out, all with this modification time in seconds since 1970. An item that is
    /// missing fails the stream.
    fn read(&mut self, items: Vec<ReadItem>, mtime: u64) -> ArchiveStream<'_>;

    /// Removes what must not stay and makes an image of the rest, with exactly this config.
    fn commit(
        &mut self,
        commit: &Commit,
        progress: &Progress<'_>,
        cancel: &CancelToken,
    ) -> impl Future<Output = Result<Committed, EngineError>> + Send;

    /// Drops the container and everything in it.
    fn discard(self) -> impl Future<Output = Result<(), EngineError>> + Send;
}

/// What an engine says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// `Docker`, `Podman` and so on.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it was found.
    pub endpoint: String,
}

/// A container to start.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// What to start from.
    pub image: &'a ImageFacts,
    /// Who everything in it is done as, in the notation of image configs; empty is root.
    pub user: &'a str,
    /// What it can reach.
    pub network: &'a Network,
    /// What it may use.
    pub limits: Limits,
    /// What it is to have of another image, from an engine that can lend it; others leave it out.
    pub artifacts: Option<Artifacts<'a>>,
    /// What it is to have of the host, from an engine that can put it there by itself; others leave it out, and get
    /// it as an [input](Container::unpack).
    pub source: Option<SourceTree<'a>>,
}

impl Start<'_> {
    /// Returns whether the container is to have what root usually has: where its user is root by number, or by the name
    /// `root`. Another name may turn out to be root's as well, and then there is no more than the agent needs for a user.
    #[must_use]
    pub fn is_for_root(&self) -> bool {
        let name = self.user.split(':').next();
        Account::uid_of(self.user) == Some(0) || name == Some("root")
    }
}

/// A directory of the host that a container has a copy of.
#[derive(Clone, Copy, Debug)]
pub struct SourceTree<'a> {
    /// The directory.
    pub tree: &'a Tree,
    /// Where it is in the container; made for the container's user.
    pub into: &'a ContainerPath,
}

/// A directory of an image that a container has a copy of, which costs nothing to make.
#[derive(Clone, Copy, Debug)]
pub struct Artifacts<'a> {
    /// The image.
    pub image: &'a ImageFacts,
    /// The directory in it.
    pub directory: &'a ContainerPath,
    /// Where it is in the container. It can't be removed there, and gets into no image.
    pub at: &'a ContainerPath,
}

/// A program in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Path and arguments.
    pub argv: Vec<String>,
    /// The whole environment but for secrets.
    pub env: Vec<EnvVar>,
    /// Variables that win over those, and whose values are masked in what the program writes.
    pub secrets: Vec<Secret>,
    /// Where it starts.
    pub cwd: ContainerPath,
    /// Who it runs as; see [`Start::user`].
    pub user: String,
}

impl Program {
    /// The program of a plan in a container of an image with this config, as this user, with those of the secrets that
    /// it names.
    #[must_use]
    pub fn new(run: &Run, user: &User, config: &ContainerConfig, secrets: &[Secret]) -> Self {
        let secrets = secrets
            .iter()
            .filter(|secret| run.secrets.iter().any(|name| name == secret.name()));
        Self {
            argv: run.argv.clone(),
            env: environment::merge([&variables_of(config)[..], &run.env[..]]),
            secrets: secrets.cloned().collect(),
            cwd: run.cwd.clone(),
            user: user.name.clone(),
        }
    }
}

/// Something that goes into a container.
#[derive(Debug)]
pub struct Input<'a> {
    /// The directory that it is unpacked into, made for the container's user when it is not there.
    pub into: ContainerPath,
    /// What it is.
    pub content: Content<'a>,
}

/// What an input is made of.
pub enum Content<'a> {
    /// A directory of the host.
    Tree(Tree),
    /// An archive that is being made.
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

/// How a container becomes an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// What is removed first, with everything below it.
    pub remove: Vec<ContainerPath>,
    /// The time that everything new gets, in seconds since 1970.
    pub mtime: u64,
    /// What must be there and be executable.
    pub require: Vec<ContainerPath>,
    /// The whole config of the image.
    pub config: ContainerConfig,
    /// Its name.
    pub tag: Option<ImageRef>,
}

/// An image that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// What the engine calls it.
    pub id: String,
    /// Its size as the engine counts it, in bytes.
    pub size: u64,
}

impl From<Interrupt> for EngineError {
    fn from(reason: Interrupt) -> Self {
        Self::Interrupted(reason)
    }
}

/// A cause of another crate.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why an engine could not do something.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Nothing answers.
    #[error("no container engine answers at {endpoint}")]
    Unreachable {
        /// Where it was looked for.
        endpoint: String,
        /// What the connection said.
        #[source]
        source: BoxError,
    },
    /// It is not clear where to look for an engine.
    #[error("can't tell which container engine to use: {reason}")]
    NoEndpoint {
        /// Why not.
        reason: String,
    },
    /// The image is not there, and is not to be pulled.
    #[error("the image `{image}` is not in the engine")]
    NoSuchImage {
        /// The image.
        image: ImageRef,
    },
    /// The image could not be pulled.
    #[error("can't pull the image `{image}`")]
    Pull {
        /// The image.
        image: ImageRef,
        /// What the engine or the registry said.
        #[source]
        source: BoxError,
    },
    /// There is no agent for containers of this image.
    #[error("the image `{image}` is for {architecture}, and this s2i has no agent for it")]
    NoAgent {
        /// The image.
        image: ImageRef,
        /// Its architecture.
        architecture: String,
    },
    /// A program or a file in the container is not as it must be.
    #[error("in a container of `{image}`: {}", failure.message)]
    Container {
        /// The image that the container is of.
        image: ImageRef,
        /// What the agent said.
        failure: Failure,
    },
    /// A program whose output is an archive ended otherwise than with status 0.
    #[error("`{program}` in a container of `{image}` {}", crate::error::how(*exit))]
    Poured {
        /// The program.
        program: String,
        /// The image that the container is of.
        image: ImageRef,
        /// How it ended.
        exit: Exit,
    },
    /// What was to go into the container could not be read, or is nothing that a container can have.
    #[error("can't send `{into}` into the container")]
    Input {
        /// Where it was to go.
        into: ContainerPath,
        /// What reading it said.
        #[source]
        source: std::io::Error,
    },
    /// Somebody stopped it.
    #[error("stopped by {0}")]
    Interrupted(Interrupt),
    /// The container ended on its own, or the connection to it was cut.
    #[error("the container of `{image}` ended before its work was done")]
    Lost {
        /// The image that the container is of.
        image: ImageRef,
        /// What is known of it.
        #[source]
        source: BoxError,
    },
    /// The engine refused or failed an operation.
    #[error("the engine failed to {operation} `{subject}`")]
    Failed {
        /// What was to be done, such as `create a container of`.
        operation: &'static str,
        /// With what.
        subject: String,
        /// What the engine said.
        #[source]
        source: BoxError,
    },
}
