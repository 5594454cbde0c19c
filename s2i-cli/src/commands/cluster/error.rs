//! The failures of builds in a cluster.

use std::{io, path::PathBuf};

use s2i_core::ImageRef;
use s2i_kube::{
    client::{ApiError, ApplyError, ConnectError, Kind, RunError},
    job::JobError,
    s2irun::RunConfigError,
};
use thiserror::Error;

use crate::{
    error::interrupt_code,
    exit::{self, Code},
};

/// The reason why a build in a cluster fails.
#[derive(Debug, Error)]
pub(crate) enum ClusterError {
    /// The cluster is not known.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No Job can be made of the request.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The cluster refuses a request or does not answer.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// Objects can't be applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The build has failed or can't be followed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The source of a build was on another machine.
    #[error("the source of the build `{0}` was uploaded, and the cluster has it no more")]
    SourceIsGone(String),
    /// The source of an image is on another machine.
    #[error(
        "the image `{image}` was built from `{location}`, which the cluster can't get by itself"
    )]
    SourceElsewhere {
        /// The image.
        image: ImageRef,
        /// The source.
        location: String,
    },
    /// A change of its base can't be found.
    #[error("the image `{0}` names no digest of its builder, so a change of it can't be found")]
    UnknownBase(ImageRef),
    /// Options for builds that are none of `s2i build --on cluster`.
    #[error("the options after `--` can't be used for a build: {0}")]
    Options(String),
    /// Some of several images could not be built again. The reasons were shown.
    #[error("{failed} of {all} images could not be built again")]
    Several {
        /// The number of those.
        failed: usize,
        /// The number of all.
        all: usize,
        /// The exit code of the first failure.
        code: Code,
    },
    /// This is no pod of KubeSphere's operator.
    #[error("{0} is not set, so this is no pod of KubeSphere's operator")]
    NoOperator(&'static str),
    /// The configuration of KubeSphere's operator can't be read.
    #[error("can't read the configuration `{}`", path.display())]
    RunFile {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The configuration of KubeSphere's operator can't be used.
    #[error(transparent)]
    RunConfig(#[from] RunConfigError),
    /// The file of a source can't be downloaded. The address may have a password.
    #[error("can't download the file `{file}`")]
    Download {
        /// The name of the file.
        file: String,
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An option that a build in a cluster needs.
    #[error("a build in a cluster needs {0}")]
    Missing(&'static str),
    /// An option that has no meaning in a cluster.
    #[error("{0} can't be used for a build in a cluster")]
    Unsupported(&'static str),
}

impl ClusterError {
    pub(crate) fn exit_code(&self) -> Code {
        match self {
            Self::Connect(_) => exit::NO_ENGINE,
            Self::Job(_)
            | Self::Missing(_)
            | Self::Unsupported(_)
            | Self::SourceIsGone(_)
            | Self::SourceElsewhere { .. }
            | Self::NoOperator(_)
            | Self::RunFile { .. }
            | Self::RunConfig(_)
            | Self::Options(_) => exit::USAGE,
            Self::Download { .. } => exit::FETCH,
            Self::UnknownBase(_) => exit::PLAN,
            Self::Several { code, .. } => *code,
            Self::Apply(ApplyError::Interrupted { reason, .. }) => interrupt_code(*reason),
            Self::Api(_) | Self::Apply(_) => exit::CLUSTER,
            Self::Run(err) => run_code(err),
        }
    }

    pub(crate) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::SourceIsGone(_) => "start it again with `s2i build --on cluster`",
            Self::SourceElsewhere { .. } => {
                "build it with `s2i build --on cluster` on the machine that has the files"
            }
            Self::NoOperator(_) => {
                "name the image in the variable S2IIMAGENAME of the operator; `s2i build --on cluster` builds without it"
            }
            Self::UnknownBase(_) => "build it again without --if-base-changed",
            Self::Options(_) => "`s2i build --help` lists them",
            Self::Several { .. } => "the warnings above have the reasons",
            Self::Unsupported("--secret") => {
                "put the value into a Secret of the namespace, and name it with --build-secret"
            }
            Self::Unsupported("--callback-url" | "--iidfile") => {
                "--metadata-file has the digest of the image, and `--progress json` the events"
            }
            Self::Unsupported("--incremental with --runtime-image") => {
                "keep the artifacts in a claim, with --cache-claim"
            }
            Self::Unsupported(_) => {
                "the file is on this machine; put what the build needs into the source or into a Secret"
            }
            _ => return None,
        })
    }
}

fn run_code(err: &RunError) -> Code {
    match err {
        RunError::Failed(failure) => match failure.kind {
            Kind::Script => exit::SCRIPT_FAILED,
            // The codes of steps are those of this program.
            Kind::Step => match failure.code.and_then(|code| u8::try_from(code).ok()) {
                Some(code) if exit::is_known(code) => Code(code),
                _ => exit::CLUSTER,
            },
            Kind::Image => exit::NO_IMAGE,
            Kind::Upload => exit::FETCH,
            Kind::OutOfMemory => exit::OUT_OF_MEMORY,
            Kind::Evicted | Kind::Disrupted => exit::EVICTED,
            Kind::Deadline => exit::DEADLINE,
            Kind::Unschedulable | Kind::CacheInUse => exit::UNSCHEDULABLE,
            Kind::PodSecurity | Kind::Quota | Kind::Refused => exit::REFUSED,
            Kind::Volume | Kind::Start | Kind::Deleted | Kind::NoResult | Kind::Unknown => {
                exit::CLUSTER
            }
        },
        RunError::Source(_) => exit::FETCH,
        RunError::Interrupted(reason) => interrupt_code(*reason),
        RunError::Follow { .. } | RunError::Cleanup { .. } | RunError::Detached(_) => exit::CLUSTER,
    }
}

#[cfg(test)]
mod tests {
    use s2i_kube::client::Failure;

    use super::*;

    fn code_of(kind: Kind, code: Option<i32>) -> u8 {
        let failure = Failure {
            kind,
            step: None,
            pod: None,
            code,
            words: String::new(),
        };
        let err = ClusterError::from(RunError::Failed(Box::new(failure)));
        err.exit_code().0
    }

    #[test]
    fn failures_have_the_codes_of_their_kinds() {
        for (kind, expected) in [
            (Kind::Script, 4),
            (Kind::Upload, 8),
            (Kind::Image, 21),
            (Kind::Volume, 30),
            (Kind::NoResult, 30),
            (Kind::PodSecurity, 31),
            (Kind::Quota, 31),
            (Kind::Unschedulable, 32),
            (Kind::CacheInUse, 32),
            (Kind::OutOfMemory, 33),
            (Kind::Evicted, 34),
            (Kind::Disrupted, 34),
            (Kind::Deadline, 35),
        ] {
            assert_eq!(code_of(kind, Some(1)), expected, "{kind}");
        }
    }

    #[test]
    fn failed_step_passes_its_code_on() {
        for (code, expected) in [(Some(11), 11), (Some(250), 30), (Some(-1), 30), (None, 30)] {
            assert_eq!(code_of(Kind::Step, code), expected);
        }
    }
}
