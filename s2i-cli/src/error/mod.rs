//! The top-level error: the message for the user, a hint and the exit code.

mod code;
mod hint;
pub(crate) mod reason;

use std::{io, path::PathBuf};

use s2i_build::{BuildFailure, EngineError, injection::InjectionError, ports::BoxError};
use s2i_core::{ErrorChain, ImageRef, ImageRefError};
use s2i_in_place::{BaseError, ResultError};
use s2i_oci::{credentials::CredentialError, registry::RegistryError};
use thiserror::Error;

pub(crate) use self::code::interrupt_code;
#[cfg(feature = "kube")]
use crate::commands::{ClusterError, kube::KubeError};
use crate::{commands::PodError, config::ConfigError, finding::Unavailable, secrets::SecretError};

/// The reason for the failure of a command.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// A build or the engine failed. The error of the clean-up is shown apart.
    #[error("{}", ErrorChain(&.0.error))]
    Build(BuildFailure),
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The value of `--secret` is invalid.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// An argument is not a valid image name.
    #[error(transparent)]
    Image(#[from] ImageRefError),
    /// Files can't be injected.
    #[error(transparent)]
    Injection(#[from] InjectionError),
    /// A file from the command line can't be read.
    #[error("can't read `{}`", path.display())]
    ReadFile { path: PathBuf, source: io::Error },
    /// A file from the command line can't be written.
    #[error("can't write `{}`", path.display())]
    WriteFile { path: PathBuf, source: io::Error },
    /// The directory for the source beside a Dockerfile exists.
    #[error("the source can't be written to `{}`, which exists and was not written by s2i", path.display())]
    ContextExists { path: PathBuf },
    /// An archive would be written to a terminal or read from one.
    #[error("{0} is a terminal, and an archive is not text")]
    Terminal(&'static str),
    /// `SOURCE_DATE_EPOCH` is not a number.
    #[error("SOURCE_DATE_EPOCH is `{0}`, not a number of seconds since 1970")]
    Epoch(String),
    /// A URL was given for an engine that is no service.
    #[error("{engine} has no URL, and `{url}` was given")]
    NoUrl { engine: &'static str, url: String },
    /// The command needs an engine that keeps or runs images.
    #[error("the engine `here` only builds: it neither keeps images nor starts containers")]
    OnlyBuilds,
    /// Both a runtime image and a previous image were given.
    #[error(
        "the engine `here` keeps no second image with the artifacts of builds for a runtime image"
    )]
    IncrementalHere,
    /// The base of the result has no layers that can be read.
    #[error("the layers of `{0}`, the base of the result, can be read from no registry")]
    NoBaseLayers(ImageRef),
    /// The result would be lost.
    #[error("the engine `here` keeps no images, and the result would be lost")]
    NotKept,
    /// The image of the own container is not known, or is another one.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// A step of a build in a pod can't hand over its work or take that of another one.
    #[error(transparent)]
    Pod(#[from] PodError),
    /// A build in a cluster fails.
    #[cfg(feature = "kube")]
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The result of another step can't be used.
    #[error(transparent)]
    Result(#[from] ResultError),
    /// The process does not run in a container.
    #[error(
        "the engine `here` builds in the container that s2i runs in, and this process is in none"
    )]
    NotInContainer,
    /// `--load` was given with an engine other than the embedded one.
    #[error("--load is for builds of the embedded engine")]
    LoadOfApi,
    /// `--compression` was given with an engine other than the embedded one.
    #[error("--compression is for pushes of the embedded engine")]
    CompressionOfApi,
    /// `--tls-verify=false` was given with an engine that connects to registries by itself.
    #[error("--tls-verify=false can't change how Docker and Podman connect to registries")]
    TlsVerifyOfApi,
    /// An option needs a name of the result.
    #[error("{0} needs a name for the resulting image")]
    NoName(&'static str),
    /// Standard output would get both an archive and events.
    #[error("standard output can't get an archive and events")]
    TwoOutputs,
    /// An image has no label for its source or its builder.
    #[error("the image `{image}` has no label `{label}`")]
    NotRebuildable {
        image: ImageRef,
        label: &'static str,
    },
    /// The labels of an image don't describe a build.
    #[error("the labels of the image `{image}` describe no build: {reason}")]
    InvalidLabels { image: ImageRef, reason: String },
    /// Neither Docker nor Podman listens, for the given reason, and the embedded engine can't work.
    #[error("no container engine can be used; Docker, Podman: {api}; the embedded one: {native}")]
    NoEngine { api: String, native: Unavailable },
    /// The embedded engine was requested and can't work.
    #[error("the embedded engine can't work here: {0}")]
    Native(Unavailable),
    /// The registry rejects the login or can't be reached.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The engine does not have an image that is to be described.
    #[error("the image `{0}` is not in the engine")]
    NotInEngine(ImageRef),
    /// The registry does not give the description of an image.
    #[error("can't describe the image `{image}`")]
    Inspect { image: ImageRef, source: BoxError },
    /// Credentials can't be read or stored.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// Objects of Kubernetes can't be written or checked.
    #[cfg(feature = "kube")]
    #[error(transparent)]
    Kube(#[from] KubeError),
    /// There is no file for the login.
    #[error("there is no file to store a login in")]
    NoHome,
    /// There is neither a terminal nor a pipe to read a password from.
    #[error("can't ask for a password: standard input is not a terminal")]
    NotInteractive,
    /// The answer to a prompt can't be read.
    #[error("can't read the answer")]
    Answer(#[source] io::Error),
    /// The answer to a prompt is invalid, with the reason.
    #[error("that can't be a {0}: {1}")]
    InvalidAnswer(&'static str, &'static str),
    /// The asynchronous runtime did not start.
    #[error("can't start")]
    Runtime(#[source] io::Error),
}

impl From<BuildFailure> for Error {
    fn from(failure: BuildFailure) -> Self {
        Self::Build(failure)
    }
}

impl From<EngineError> for Error {
    fn from(err: EngineError) -> Self {
        Self::Build(err.into())
    }
}

impl Error {
    /// Returns the error of the clean-up after the failure.
    pub(crate) fn cleanup(&self) -> Option<&EngineError> {
        match self {
            Self::Build(failure) => failure.cleanup.as_ref(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
