//! The top-level error: the message for the user, a hint and the exit code.

use std::{fmt, io, path::PathBuf};

use s2i_build::{BuildError, BuildFailure, EngineError, Interrupt, SourceError, plan::PlanError};
use s2i_core::{ImageRefError, Script, wire::FailureKind};
use s2i_oci::{credentials::CredentialError, registry::RegistryError, store::StoreError};

use crate::{
    config::ConfigError,
    exit::{self, Code},
    native::Impossible,
    secrets::SecretError,
};

/// The hint for a missing builder that s2i has picked.
const NO_PICKED_BUILDER: &str = "`cargo xtask images` makes the images of s2i and puts them into an engine; \
     or name a builder, with `s2i build SOURCE BUILDER TAG`, or as [builders] in the configuration file";

/// The reason for the failure of a command.
#[derive(Debug)]
pub(crate) enum Error {
    /// A build or the engine failed.
    Build(BuildFailure),
    /// The configuration is invalid.
    Config(ConfigError),
    /// The value of `--secret` is invalid.
    Secret(SecretError),
    /// An argument is not a valid image name.
    Image(ImageRefError),
    /// A file from the command line can't be read.
    ReadFile { path: PathBuf, source: io::Error },
    /// A file from the command line can't be written.
    WriteFile { path: PathBuf, source: io::Error },
    /// The directory for the source beside a Dockerfile exists.
    ContextExists { path: PathBuf },
    /// An archive would be written to a terminal or read from one.
    Terminal(&'static str),
    /// `SOURCE_DATE_EPOCH` is not a number.
    Epoch(String),
    /// A URL was given for the embedded engine.
    UrlOfNative(String),
    /// `--load` was given with an engine other than the embedded one.
    LoadOfApi,
    /// Neither Docker nor Podman listens, for the given reason, and the embedded engine can't work.
    NoEngine(Box<(String, Impossible)>),
    /// The embedded engine was requested and can't work.
    Native(Impossible),
    /// The registry rejects the login or can't be reached.
    Registry(RegistryError),
    /// Credentials can't be read or stored.
    Credentials(CredentialError),
    /// There is no file for the login.
    NoHome,
    /// There is neither a terminal nor a pipe to read a password from.
    NotInteractive,
    /// The answer to a prompt can't be read.
    Answer(io::Error),
    /// The answer to a prompt is invalid, with the reason.
    NoAnswer(&'static str, &'static str),
    /// The asynchronous runtime did not start.
    Runtime(io::Error),
}

impl From<BuildFailure> for Error {
    fn from(failed: BuildFailure) -> Self {
        Self::Build(failed)
    }
}

impl From<EngineError> for Error {
    fn from(err: EngineError) -> Self {
        Self::Build(err.into())
    }
}

impl From<ImageRefError> for Error {
    fn from(err: ImageRefError) -> Self {
        Self::Image(err)
    }
}

impl From<ConfigError> for Error {
    fn from(err: ConfigError) -> Self {
        Self::Config(err)
    }
}

impl From<SecretError> for Error {
    fn from(err: SecretError) -> Self {
        Self::Secret(err)
    }
}

impl From<Impossible> for Error {
    fn from(impossible: Impossible) -> Self {
        Self::Native(impossible)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build(failed) => failed.error.fmt(f),
            Self::Config(err) => err.fmt(f),
            Self::Secret(err) => err.fmt(f),
            Self::Image(err) => err.fmt(f),
            Self::ReadFile { path, .. } => write!(f, "can't read `{}`", path.display()),
            Self::WriteFile { path, .. } => write!(f, "can't write `{}`", path.display()),
            Self::ContextExists { path } => write!(
                f,
                "the source can't be written to `{}`, which exists",
                path.display()
            ),
            Self::Terminal(stream) => {
                write!(f, "{stream} is a terminal, and an archive is no text")
            }
            Self::Epoch(text) => write!(
                f,
                "SOURCE_DATE_EPOCH is `{text}`, not a number of seconds since 1970"
            ),
            Self::UrlOfNative(url) => {
                write!(f, "the embedded engine has no URL, and `{url}` was given")
            }
            Self::LoadOfApi => f.write_str("--load is for builds of the embedded engine"),
            Self::NoEngine(reasons) => {
                let (api, native) = &**reasons;
                write!(
                    f,
                    "no container engine can be used; Docker, Podman: {api}; the embedded one: {native}"
                )
            }
            Self::Native(impossible) => {
                write!(f, "the embedded engine can't work here: {impossible}")
            }
            Self::Registry(err) => err.fmt(f),
            Self::Credentials(err) => err.fmt(f),
            Self::NoHome => f.write_str("there is nowhere to keep a login"),
            Self::NotInteractive => {
                f.write_str("can't ask for a password: standard input is no terminal")
            }
            Self::Answer(_) => f.write_str("can't read the answer"),
            Self::NoAnswer(what, why) => write!(f, "that can't be a {what}: {why}"),
            Self::Runtime(_) => f.write_str("can't start"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Build(failed) => std::error::Error::source(&failed.error),
            Self::Config(err) => std::error::Error::source(err),
            Self::Secret(err) => std::error::Error::source(err),
            Self::Registry(err) => std::error::Error::source(err),
            Self::Credentials(err) => std::error::Error::source(err),
            Self::ReadFile { source, .. }
            | Self::WriteFile { source, .. }
            | Self::Answer(source)
            | Self::Runtime(source) => Some(source),
            _ => None,
        }
    }
}

impl Error {
    /// Returns the error of the clean-up after the failure.
    pub(crate) fn cleanup(&self) -> Option<&EngineError> {
        match self {
            Self::Build(failed) => failed.cleanup.as_ref(),
            _ => None,
        }
    }

    /// Returns the hint for the user.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Build(failed) => match &failed.error {
                BuildError::Plan(err) => err.hint(),
                BuildError::User(refused) => Some(refused.hint()),
                BuildError::Source(err) => source_hint(err),
                BuildError::Engine(err) => engine_hint(err),
                BuildError::NoPickedBuilder { .. } => Some(NO_PICKED_BUILDER.into()),
                BuildError::Script {
                    script: Script::Usage,
                    ..
                } => Some("what it wrote is above; not every one knows --json".into()),
                BuildError::Script { .. } => Some("what it wrote is above".into()),
                BuildError::Dockerfile(_) => {
                    Some("build it with an engine, without --as-dockerfile".into())
                }
                BuildError::PlanReference(_)
                | BuildError::UnresolvedImage { .. }
                | BuildError::MissingSecret { .. }
                | BuildError::MissingTrust { .. } => None,
            },
            Self::Secret(err) => err.hint(),
            Self::Terminal(_) => Some("name a file, or use a pipe".into()),
            Self::ContextExists { .. } => {
                Some("remove it, or name a Dockerfile in another directory".into())
            }
            Self::UrlOfNative(_) => {
                Some("leave out --url, or --engine native and S2I_ENGINE".into())
            }
            Self::LoadOfApi => Some("the result is in the engine that built it already".into()),
            Self::Registry(err) => err.hint(),
            Self::Credentials(err) => err.hint(),
            Self::NoHome => Some("set HOME, or name a file in REGISTRY_AUTH_FILE".into()),
            Self::NotInteractive => {
                Some("put it into a pipe, with --username USER --password-stdin".into())
            }
            Self::NoEngine(_) | Self::Native(_) => {
                Some("`s2i doctor` says what is missing, and how to get it".into())
            }
            _ => None,
        }
    }

    pub(crate) fn exit_code(&self) -> Code {
        match self {
            Self::Build(failed) => build_code(&failed.error),
            Self::Config(_)
            | Self::Secret(_)
            | Self::Image(_)
            | Self::ReadFile { .. }
            | Self::WriteFile { .. }
            | Self::ContextExists { .. }
            | Self::Terminal(_)
            | Self::Epoch(_)
            | Self::UrlOfNative(_)
            | Self::LoadOfApi
            | Self::NotInteractive
            | Self::Answer(_)
            | Self::NoAnswer(..) => exit::USAGE,
            Self::Registry(_) | Self::Credentials(_) | Self::NoHome => exit::LOGIN,
            Self::NoEngine(_) | Self::Native(_) => exit::NO_ENGINE,
            Self::Runtime(_) => exit::INTERNAL,
        }
    }
}

fn build_code(err: &BuildError) -> Code {
    match err {
        BuildError::Source(err) => source_code(err),
        BuildError::Plan(
            PlanError::NoScript { .. } | PlanError::NoUsage { .. } | PlanError::NoConfig { .. },
        ) => exit::NO_SCRIPT,
        BuildError::User(_) | BuildError::Plan(PlanError::User(_)) => exit::USER_NOT_ALLOWED,
        BuildError::Plan(PlanError::NoTag) => exit::USAGE,
        BuildError::NoPickedBuilder { .. } => exit::NO_IMAGE,
        BuildError::Plan(_) | BuildError::Dockerfile(_) => exit::PLAN,
        BuildError::Engine(err) => engine_code(err),
        BuildError::Script { .. } => exit::SCRIPT_FAILED,
        BuildError::PlanReference(_)
        | BuildError::UnresolvedImage { .. }
        | BuildError::MissingSecret { .. }
        | BuildError::MissingTrust { .. } => exit::INTERNAL,
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
        SourceError::NoGit { .. }
        | SourceError::Git { .. }
        | SourceError::Ignore(_)
        | SourceError::ForeignObjects { .. }
        | SourceError::Io { .. } => exit::FETCH,
    }
}

fn engine_code(err: &EngineError) -> Code {
    match err {
        EngineError::Unreachable { .. } | EngineError::NoEndpoint { .. } => exit::NO_ENGINE,
        EngineError::NoSuchImage { .. } | EngineError::Pull { .. } => exit::NO_IMAGE,
        EngineError::Container { failure, .. } => match failure.kind {
            FailureKind::NotFound => exit::NO_SCRIPT,
            FailureKind::NotExecutable => exit::NOT_EXECUTABLE,
            FailureKind::NoSuchUser => exit::NO_USER,
            FailureKind::BadArchive | FailureKind::NoArtifact => exit::INPUT,
            FailureKind::Requirement => exit::COMMIT,
            FailureKind::Os => exit::ENGINE,
        },
        EngineError::Poured { .. } => exit::SCRIPT_FAILED,
        EngineError::Input { .. } => exit::INPUT,
        EngineError::Interrupted(reason) => interrupt_code(*reason),
        EngineError::Lost { .. } => exit::LOST,
        EngineError::Failed { operation, .. } if operation.is_commit() => exit::COMMIT,
        EngineError::Failed { .. } | EngineError::NoAgent { .. } => exit::ENGINE,
    }
}

pub(crate) fn interrupt_code(reason: Interrupt) -> Code {
    match reason {
        Interrupt::Interrupted => exit::INTERRUPTED,
        Interrupt::Terminated => exit::TERMINATED,
        Interrupt::HungUp => exit::HUNG_UP,
    }
}

fn source_hint(err: &SourceError) -> Option<String> {
    Some(match err {
        SourceError::Missing { .. } => {
            "name a directory that exists, or a URL that Git can fetch".into()
        }
        SourceError::EmptyRepository { .. } => {
            "commit something, or build the files as they are with --copy".into()
        }
        SourceError::NoGit { .. } => "install it, for example: apt-get install git".into(),
        SourceError::RefOfFiles { .. } => {
            "leave out --copy to build from the Git repository, or leave out the reference".into()
        }
        SourceError::ForeignObjects { .. } => {
            "build the files as they are with --copy, or build as the owner of the repository"
                .into()
        }
        SourceError::Ignore(_) => {
            "leave out whole directories, or give an expression with --exclude".into()
        }
        SourceError::NoContextDir { .. } => {
            "--context-dir is relative to the root of the source".into()
        }
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
    Some(match err {
        EngineError::Unreachable { .. } | EngineError::NoEndpoint { .. } => {
            "start Docker or Podman, name its socket with --url unix:///path/to/socket, or use the engine of s2i itself with --engine native".into()
        }
        EngineError::NoSuchImage { image } => {
            format!("put it there, for example with `s2i load -i FILE`, or allow to pull `{image}` with --pull-policy")
        }
        EngineError::Pull { .. } => {
            "check its name, that its registry can be reached, and the login there (`s2i login`); an image of this machine needs no pull".into()
        }
        EngineError::NoAgent { .. } => "build s2i with `cargo xtask dist`, which puts the agents in".into(),
        EngineError::Container { failure, .. } => match failure.kind {
            FailureKind::NotFound => {
                "is it a builder image, and does its label io.openshift.s2i.scripts-url name the right directory?".into()
            }
            FailureKind::NoArtifact => {
                "name what `assemble` makes, with --runtime-artifact /path/in/builder[:directory]".into()
            }
            FailureKind::NotExecutable => "make it executable in the image: chmod +x".into(),
            FailureKind::NoSuchUser => "name a user by number, for example --assemble-user 1001".into(),
            FailureKind::Requirement => "let `assemble` put it there, or use a runtime image that has it".into(),
            _ => return None,
        },
        EngineError::Poured { .. } => {
            "what it wrote is above; without --incremental, the build does without what it saves".into()
        }
        EngineError::Lost { .. } => "was it removed by somebody, or out of memory?".into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
