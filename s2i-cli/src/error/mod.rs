//! The top-level error: the message for the user, a hint and the exit code.

pub(crate) mod reason;

use std::{io, path::PathBuf};

use s2i_build::{
    BuildError, BuildFailure, EngineError, Interrupt, SourceError,
    injection::InjectionError,
    plan::{Command, PlanError},
    ports::{BoxError, Operation},
};
use s2i_core::{
    ErrorChain, ImageMetadataError, ImageRef, ImageRefError, Script, wire::FailureKind,
};
use s2i_docker::Refusal;
use s2i_in_place::BaseError;
use s2i_oci::{credentials::CredentialError, registry::RegistryError, store::StoreError};
use thiserror::Error;

use crate::{
    config::ConfigError,
    exit::{self, Code},
    finding::Unavailable,
    secrets::SecretError,
};

/// The hint for a missing builder that s2i has picked.
const NO_PICKED_BUILDER: &str = "`cargo xtask images` makes the images of s2i and puts them into an engine; \
     or name a builder, with `s2i build SOURCE BUILDER TAG`, or as [builders] in the configuration file";

/// The hint for a machine on which no engine works.
const NO_ENGINE: &str = "`s2i doctor` shows what is missing, and how to get it";

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

    /// Returns the hint for the user.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Build(failure) => return build_hint(&failure.error),
            Self::Secret(err) => return err.hint(),
            Self::Registry(err) => return err.hint(),
            Self::Inspect { source, .. } => {
                return source.downcast_ref().and_then(RegistryError::hint);
            }
            Self::NotInEngine(_) => {
                "`s2i images` lists those of the engine; --registry asks the registry of the name"
            }
            Self::Credentials(err) => return err.hint(),
            Self::Terminal(_) => "name a file, or use a pipe",
            Self::ContextExists { .. } => "remove it, or name a Dockerfile in another directory",
            Self::NoUrl { .. } => "leave out --url, or --engine and S2I_ENGINE",
            Self::Base(BaseError::Unknown) => {
                "name it as BUILDER, as in `s2i build --engine here SOURCE BUILDER NAME`, or by S2I_JOB_IMAGE"
            }
            Self::Base(BaseError::OtherImage { .. }) => {
                "name the image that the container was started from"
            }
            Self::OnlyBuilds => "use it with `s2i build`, or another engine",
            Self::IncrementalHere => {
                "keep them in a directory, with --cache-dir DIR in place of --incremental"
            }
            Self::NoBaseLayers(_) => {
                "name the image of this container by its registry, as BUILDER or in S2I_JOB_IMAGE, or use --runtime-image"
            }
            Self::NotKept => "push it with --push, or write it to an archive with --output FILE",
            Self::NotInContainer => {
                "use the embedded engine, --engine native, or start a container of a builder, for example of s2i/go:ci"
            }
            Self::NoName(_) => "name it after the builder, or with --tag",
            Self::TwoOutputs => "name a file for the archive, or leave out --progress json",
            Self::NotRebuildable { .. } | Self::InvalidLabels { .. } => {
                "only images that s2i has built can be built again"
            }
            Self::CompressionOfApi => "leave it out, or use --engine native",
            Self::TlsVerifyOfApi => {
                "name the registry in `insecure-registries` of Docker's `daemon.json`, or as `insecure` in Podman's \
                 `registries.conf`; or use --engine native"
            }
            Self::LoadOfApi => "the result is in the engine that built it already",
            Self::NoHome => "set HOME, or name a file in REGISTRY_AUTH_FILE",
            Self::NotInteractive => "put it into a pipe, with --username USER --password-stdin",
            Self::NoEngine { .. } | Self::Native(_) => NO_ENGINE,
            _ => return None,
        };
        Some(hint.into())
    }

    pub(crate) fn exit_code(&self) -> Code {
        match self {
            Self::Build(failure) => build_code(&failure.error),
            Self::Config(_)
            | Self::Secret(_)
            | Self::Image(_)
            | Self::ReadFile { .. }
            | Self::Injection(_)
            | Self::WriteFile { .. }
            | Self::ContextExists { .. }
            | Self::Terminal(_)
            | Self::Epoch(_)
            | Self::NoUrl { .. }
            | Self::OnlyBuilds
            | Self::NotKept
            | Self::IncrementalHere
            | Self::NoBaseLayers(_)
            | Self::LoadOfApi
            | Self::CompressionOfApi
            | Self::TlsVerifyOfApi
            | Self::NoName(_)
            | Self::TwoOutputs
            | Self::NotInteractive
            | Self::Answer(_)
            | Self::Base(BaseError::Unknown)
            | Self::InvalidAnswer(..) => exit::USAGE,
            Self::NotRebuildable { .. } | Self::InvalidLabels { .. } => exit::PLAN,
            Self::Inspect { source, .. } | Self::Base(BaseError::Registry { source, .. }) => {
                match source.downcast_ref() {
                    Some(err) if RegistryError::is_temporary(err) => exit::TEMPORARY,
                    _ => exit::NO_IMAGE,
                }
            }
            Self::NotInEngine(_) | Self::Base(_) => exit::NO_IMAGE,
            Self::Registry(err) if err.is_temporary() => exit::TEMPORARY,
            Self::Registry(_) | Self::Credentials(_) | Self::NoHome => exit::LOGIN,
            Self::NoEngine { .. } | Self::Native(_) | Self::NotInContainer => exit::NO_ENGINE,
            Self::Runtime(_) => exit::INTERNAL,
        }
    }
}

fn build_code(err: &BuildError) -> Code {
    match err {
        BuildError::Source(err) => source_code(err),
        BuildError::Plan(
            PlanError::NoScript { .. }
            | PlanError::NotAtUrl { .. }
            | PlanError::NoScriptsAtUrl { .. }
            | PlanError::NoUsage { .. }
            | PlanError::NoConfig { .. }
            | PlanError::NoCommand { .. },
        ) => exit::NO_SCRIPT,
        BuildError::User(_) | BuildError::Plan(PlanError::User(_)) => exit::USER_NOT_ALLOWED,
        BuildError::Plan(PlanError::NoTag) => exit::USAGE,
        BuildError::NoPickedBuilder { source, .. } => match engine_code(source) {
            exit::TEMPORARY => exit::TEMPORARY,
            _ => exit::NO_IMAGE,
        },
        BuildError::Plan(_) | BuildError::Dockerfile(_) => exit::PLAN,
        BuildError::Engine(err) => engine_code(err),
        BuildError::Script { .. } => exit::SCRIPT_FAILED,
        BuildError::PlanReference(_)
        | BuildError::UnresolvedImage { .. }
        | BuildError::MissingSecret { .. }
        | BuildError::MissingArtifactCache
        | BuildError::MissingTrust { .. }
        | BuildError::MissingInjection { .. }
        | BuildError::MissingScripts { .. } => exit::INTERNAL,
        BuildError::LabelsFile { .. } => exit::COMMIT,
    }
}

fn source_code(err: &SourceError) -> Code {
    match err {
        SourceError::Missing { .. }
        | SourceError::NotADirectory { .. }
        | SourceError::NoContextDir { .. }
        | SourceError::ContextDirOutside { .. } => exit::NO_SOURCE,
        SourceError::EmptyRepository { .. } => exit::EMPTY_REPOSITORY,
        SourceError::BadRef(_) | SourceError::Exclude(_) | SourceError::RefOfFiles { .. } => {
            exit::USAGE
        }
        SourceError::Interrupted(reason) => interrupt_code(*reason),
        SourceError::Commit { .. }
        | SourceError::NoGit { .. }
        | SourceError::Git { .. }
        | SourceError::Ignore(_)
        | SourceError::OutsideObjects { .. }
        | SourceError::Submodule { .. }
        | SourceError::NoLfs { .. }
        | SourceError::Lfs { .. }
        | SourceError::LfsAddress(_)
        | SourceError::LfsConfig
        | SourceError::Scripts { .. }
        | SourceError::Io { .. } => exit::FETCH,
    }
}

fn engine_code(err: &EngineError) -> Code {
    if let EngineError::Pull { source, .. } | EngineError::Failed { source, .. } = err
        && source
            .downcast_ref()
            .is_some_and(RegistryError::is_temporary)
    {
        return exit::TEMPORARY;
    }
    if is_refused_for_now(err) {
        return exit::TEMPORARY;
    }
    match err {
        EngineError::Unreachable { .. } | EngineError::NoEndpoint { .. } => exit::NO_ENGINE,
        EngineError::NoSuchImage { .. } | EngineError::Pull { .. } => exit::NO_IMAGE,
        EngineError::Container { failure, .. } => match failure.kind {
            FailureKind::NotFound => exit::NO_SCRIPT,
            FailureKind::NotExecutable => exit::NOT_EXECUTABLE,
            FailureKind::NoSuchUser => exit::NO_USER,
            FailureKind::BadArchive | FailureKind::NoArtifact | FailureKind::Injection => {
                exit::INPUT
            }
            FailureKind::Leak | FailureKind::Requirement => exit::COMMIT,
            FailureKind::Os => exit::ENGINE,
        },
        EngineError::ProgramFailed { .. } => exit::SCRIPT_FAILED,
        EngineError::Input { .. } => exit::INPUT,
        EngineError::Interrupted(reason) => interrupt_code(*reason),
        EngineError::Lost { .. } => exit::LOST,
        EngineError::Failed { operation, .. } if operation.is_commit() => exit::COMMIT,
        EngineError::Failed { .. } | EngineError::NoAgent { .. } => exit::ENGINE,
    }
}

/// Returns whether Docker or Podman has passed on that a registry does not answer now.
fn is_refused_for_now(err: &EngineError) -> bool {
    let (EngineError::Pull { source, .. }
    | EngineError::Failed {
        operation: Operation::Push,
        source,
        ..
    }) = err
    else {
        return false;
    };
    source.downcast_ref().is_some_and(Refusal::is_temporary)
}

pub(crate) fn interrupt_code(reason: Interrupt) -> Code {
    match reason {
        Interrupt::Interrupted => exit::INTERRUPTED,
        Interrupt::Terminated => exit::TERMINATED,
        Interrupt::HungUp => exit::HUNG_UP,
    }
}

fn build_hint(err: &BuildError) -> Option<String> {
    let hint = match err {
        BuildError::Plan(err) => return err.hint(),
        BuildError::User(refused) => return Some(refused.hint()),
        BuildError::Source(err) => source_hint(err)?,
        BuildError::Engine(err) => return engine_hint(err),
        BuildError::NoPickedBuilder { .. } => NO_PICKED_BUILDER,
        BuildError::Script {
            script: Command::Script(Script::Usage),
            ..
        } => "its output is above; not every script supports --json",
        BuildError::Script { .. } => "its output is above",
        BuildError::Dockerfile(err) => err.hint(),
        BuildError::PlanReference(_)
        | BuildError::UnresolvedImage { .. }
        | BuildError::MissingSecret { .. }
        | BuildError::MissingArtifactCache
        | BuildError::MissingTrust { .. }
        | BuildError::MissingInjection { .. }
        | BuildError::MissingScripts { .. } => return None,
        BuildError::LabelsFile {
            source: ImageMetadataError::TooLong | ImageMetadataError::TooMany,
            ..
        } => "let the scripts leave fewer labels, or shorter ones",
        BuildError::LabelsFile { .. } => {
            "let the scripts write `{\"labels\": [{\"name\": \"value\"}]}`, or no such file"
        }
    };
    Some(hint.into())
}

fn source_hint(err: &SourceError) -> Option<&'static str> {
    Some(match err {
        SourceError::Missing { .. } => "name a directory that exists, or a URL that Git can fetch",
        SourceError::EmptyRepository { .. } => {
            "commit something, or build the files as they are with --copy"
        }
        SourceError::Commit { .. } => {
            "see what `git log -1` finds, or build the files as they are with --copy"
        }
        SourceError::NoGit { .. } => {
            "install it, for example: apt-get install git; a checkout needs none without a reference"
        }
        SourceError::RefOfFiles { .. } => {
            "leave out --copy to build from the Git repository, or leave out the reference"
        }
        SourceError::OutsideObjects { .. } => {
            "build the files as they are with --copy, or build as the owner of the repository"
        }
        SourceError::Submodule { .. } => {
            "mend its entry in .gitmodules, get access to its repository, or leave submodules out with --ignore-submodules"
        }
        SourceError::NoLfs { .. } => "install it, for example: apt-get install git-lfs",
        SourceError::Lfs { .. } => "`git lfs pull` in a clone of the repository must work",
        SourceError::Ignore(_) => {
            "leave out whole directories, or give an expression with --exclude"
        }
        SourceError::Scripts { .. } => {
            "check the address; `--trust-ca` adds an authority, and `--scripts-url` names another directory"
        }
        SourceError::NoContextDir { .. } => "--context-dir is relative to the root of the source",
        _ => return None,
    })
}

fn engine_hint(err: &EngineError) -> Option<String> {
    if let EngineError::Pull { source, .. } | EngineError::Failed { source, .. } = err
        && let Some(hint) = source.downcast_ref().and_then(RegistryError::hint)
    {
        return Some(hint);
    }
    if let EngineError::Failed { source, .. } = err
        && let Some(limit) = source.downcast_ref().and_then(StoreError::limit)
    {
        return Some(format!(
            "leave out what the image does not need, or raise `{limit}` in the table [limits] of the configuration file"
        ));
    }
    if is_refused_for_now(err) {
        return Some("wait: the registry asks for fewer requests, or does not work now".into());
    }
    let hint = match err {
        EngineError::NoSuchImage { image } => {
            return Some(format!(
                "put it there, for example with `s2i load -i FILE`, or allow to pull `{image}` with --pull-policy"
            ));
        }
        EngineError::Unreachable { .. } | EngineError::NoEndpoint { .. } => {
            "start Docker or Podman, name its socket with --url unix:///path/to/socket, or use the engine of s2i itself with --engine native"
        }
        EngineError::Pull { .. } => {
            "check its name, that its registry can be reached, and the login there (`s2i login`); an image of this machine needs no pull"
        }
        EngineError::NoAgent { .. } => {
            "build s2i with `cargo xtask dist`, which puts the agents in"
        }
        EngineError::Container { failure, .. } => match failure.kind {
            FailureKind::NotFound => {
                "is it a builder image, and does its label io.openshift.s2i.scripts-url name the right directory?"
            }
            FailureKind::NoArtifact => {
                "name what `assemble` makes, with --runtime-artifact /path/in/builder[:directory]"
            }
            FailureKind::NotExecutable => "make it executable in the image: chmod +x",
            FailureKind::NoSuchUser => "name a user by number, for example --assemble-user 1001",
            FailureKind::Injection => {
                "inject into a directory that the image has, or name one whose parent it has"
            }
            FailureKind::Leak => {
                "let `assemble` remove what it copies of injected files; what may be in the image goes into the source"
            }
            FailureKind::Requirement => {
                "let `assemble` put it there, or use a runtime image that has it"
            }
            _ => return None,
        },
        EngineError::ProgramFailed { .. } => {
            "its output is above; without --incremental, the build uses no saved artifacts"
        }
        EngineError::Lost { .. } => "was it removed, or out of memory?",
        _ => return None,
    };
    Some(hint.into())
}

#[cfg(test)]
mod tests;
