//! The exit codes of errors.

use s2i_build::{
    BuildError, EngineError, Interrupt, SourceError, plan::PlanError, ports::Operation,
};
use s2i_core::wire::FailureKind;
use s2i_docker::Refusal;
use s2i_in_place::BaseError;
use s2i_oci::registry::RegistryError;

use super::Error;
use crate::exit::{self, Code};

impl Error {
    /// Returns the exit code.
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
            Self::Pod(err) => err.exit_code(),
            #[cfg(feature = "kube")]
            Self::Kube(_) => exit::PLAN,
            #[cfg(feature = "kube")]
            Self::Cluster(err) => err.exit_code(),
            Self::Result(_) => exit::COMMIT,
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
pub(super) fn is_refused_for_now(err: &EngineError) -> bool {
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
