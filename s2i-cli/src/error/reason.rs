//! The identifiers of the Go `s2i` for the reasons why builds fail.

use s2i_build::{
    BuildError, EngineError, SourceError,
    plan::{Command, PlanError},
};
use s2i_core::{ImageRef, Script, wire::FailureKind};

use super::Error;

/// Returns the reason for the failure of a build with this runtime image. There is none for an interrupt.
pub(crate) fn of(err: &Error, runtime: Option<&ImageRef>) -> Option<&'static str> {
    let Error::Build(failure) = err else {
        return Some("GenericS2IBuildFailed");
    };
    if failure.error.interrupt().is_some() {
        return None;
    }
    Some(match &failure.error {
        BuildError::Source(SourceError::Scripts { .. }) => "InstallScriptsFailed",
        BuildError::Source(_) => "FetchSourceFailed",
        BuildError::Plan(err) => of_plan(err),
        BuildError::User(_) => "AssembleUserForbidden",
        BuildError::Script {
            script: Command::Script(Script::Assemble | Script::AssembleRuntime),
            ..
        } => "AssembleFailed",
        BuildError::Script {
            script: Command::Trigger(_),
            ..
        } => "DockerImageBuildFailed",
        BuildError::Dockerfile(_) => "DockerFileCreationFailed",
        BuildError::NoPickedBuilder { .. } => "PullBuilderImageFailed",
        BuildError::Engine(err) => of_engine(err, runtime),
        BuildError::LabelsFile { .. } => "ContainerCommitFailed",
        _ => "GenericS2IBuildFailed",
    })
}

fn of_plan(err: &PlanError) -> &'static str {
    match err {
        PlanError::NoScript { .. }
        | PlanError::AssembleRuntime { .. }
        | PlanError::NotAtUrl { .. }
        | PlanError::NoScriptsAtUrl(_)
        | PlanError::NoUsage(_) => "InstallScriptsFailed",
        PlanError::OnBuild { .. } | PlanError::OnBuildBlocked { .. } => "OnBuildForbidden",
        PlanError::NoCommand { .. } => "DockerFileCreationFailed",
        PlanError::TooManyTriggers { .. }
        | PlanError::Trigger { .. }
        | PlanError::TriggerPath { .. }
        | PlanError::TriggerSource { .. } => "DockerImageBuildFailed",
        PlanError::User(_) => "AssembleUserForbidden",
        PlanError::Artifact(_) | PlanError::NoArtifacts { .. } | PlanError::SameArtifact { .. } => {
            "InvalidArtifactsMapping"
        }
        _ => "GenericS2IBuildFailed",
    }
}

fn of_engine(err: &EngineError, runtime: Option<&ImageRef>) -> &'static str {
    match err {
        EngineError::NoSuchImage { image } | EngineError::Pull { image, .. } => {
            let is_runtime = runtime.is_some_and(|name| name.normalised() == image.normalised());
            if is_runtime {
                "PullRuntimeImageFailed"
            } else {
                "PullBuilderImageFailed"
            }
        }
        EngineError::Failed { operation, .. } if operation.is_commit() => "ContainerCommitFailed",
        EngineError::Container { failure, .. } => match failure.kind {
            FailureKind::NotFound | FailureKind::NotExecutable => "InstallScriptsFailed",
            FailureKind::NoArtifact => "FetchRuntimeArtifactsFailed",
            FailureKind::Requirement => "ContainerCommitFailed",
            _ => "GenericS2IBuildFailed",
        },
        _ => "GenericS2IBuildFailed",
    }
}
