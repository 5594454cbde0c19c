//! The failure of a build: its error, and that of the cleanup after it.

use std::{error::Error, fmt};

use s2i_core::{ContainerPath, ErrorChain, ImageMetadataError, ImageRef, wire::Exit};

use crate::{
    cancel::Interrupt,
    plan::{Command, DockerfileError, PlanError, PlanReferenceError, SourceEvidence, UserRefused},
    ports::EngineError,
    source::SourceError,
};

/// The failure of a build: the error, and that of the cleanup after it.
#[derive(Debug)]
pub struct BuildFailure {
    /// The first error.
    pub error: BuildError,
    /// The error of the cleanup, because of which resources may be left behind.
    pub cleanup: Option<EngineError>,
}

impl BuildFailure {
    /// Creates a failure with the outcome of the cleanup after it.
    pub(crate) fn new(error: impl Into<BuildError>, cleanup: Result<(), EngineError>) -> Self {
        Self {
            error: error.into(),
            cleanup: cleanup.err(),
        }
    }

    /// Returns the failure with the outcome of one more cleanup; the first that failed counts.
    pub(crate) fn and_cleanup(self, cleanup: Result<(), EngineError>) -> Self {
        Self {
            cleanup: self.cleanup.or(cleanup.err()),
            ..self
        }
    }
}

impl fmt::Display for BuildFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)?;
        match &self.cleanup {
            None => Ok(()),
            Some(cleanup) => write!(f, " (and cleaning up failed: {})", ErrorChain(cleanup)),
        }
    }
}

impl Error for BuildFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

impl<T: Into<BuildError>> From<T> for BuildFailure {
    fn from(error: T) -> Self {
        Self::new(error, Ok(()))
    }
}

/// The reason why a build failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The source could not be fetched.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The request can't succeed.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// An operation of the engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The plan has an invalid reference.
    #[error("the plan can't be carried out")]
    PlanReference(#[from] PlanReferenceError),
    /// The plan can't be expressed as a Dockerfile.
    #[error(transparent)]
    Dockerfile(#[from] DockerfileError),
    /// An image of the plan was not looked up in an engine.
    #[error("the plan has no ID and config of the image `{0}`, so no container can start from it")]
    UnresolvedImage(ImageRef),
    /// The value of a secret of the plan was not given.
    #[error("the plan uses the secret `{0}`, and its value was not given")]
    MissingSecret(String),
    /// The certificates of the plan were not given.
    #[error("the plan uses certificates with the digest `{0}`, and these were not given")]
    MissingTrust(String),
    /// The artifact cache of the plan was not given.
    #[error("the plan uses an artifact cache, and none was given")]
    MissingArtifactCache,
    /// The files of an injection of the plan were not given.
    #[error("the plan injects `{0}`, and these files were not given")]
    MissingInjection(String),
    /// The scripts of the plan were not given.
    #[error("the plan uses scripts of `{0}`, and these were not given")]
    MissingScripts(String),
    /// A script has left labels for the image that can't be used.
    #[error("the labels in `{path}` of the container can't be used")]
    LabelsFile {
        /// The file.
        path: ContainerPath,
        /// The reason.
        #[source]
        source: ImageMetadataError,
    },
    /// A script would run as a user who is not allowed, by the tables of its container.
    #[error(transparent)]
    User(#[from] Box<UserRefused>),
    /// The builder that s2i has picked does not exist.
    #[error("there is no builder image `{builder}`, which was picked because {detection}")]
    NoPickedBuilder {
        /// The builder.
        builder: ImageRef,
        /// The files that it was picked by.
        detection: SourceEvidence,
        /// The error of the engine.
        #[source]
        source: Box<EngineError>,
    },
    /// A script or trigger ended with a status other than 0.
    #[error("`{script}` of `{image}` {exit}")]
    Script {
        /// The script or trigger.
        script: Command,
        /// The image that it ran in.
        image: ImageRef,
        /// Its exit status.
        exit: Exit,
    },
}

impl BuildError {
    /// Returns the reason of the cancellation, if the build was cancelled.
    #[must_use]
    pub fn interrupt(&self) -> Option<Interrupt> {
        match self {
            Self::Source(SourceError::Interrupted(reason))
            | Self::Engine(EngineError::Interrupted(reason)) => Some(*reason),
            _ => None,
        }
    }
}
