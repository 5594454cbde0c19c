//! A build that did not end well: why, and what may have been left behind.

use s2i_core::{ImageRef, Script, wire::Exit};
use thiserror::Error;

use crate::{
    cancel::Interrupt,
    engine::EngineError,
    plan::{PlanError, UserRefused},
    source::SourceError,
};

/// What went wrong, and whether cleaning up after it went wrong too.
#[derive(Debug)]
pub struct Failed {
    /// What went wrong first.
    pub error: BuildError,
    /// What may have been left behind, and why.
    pub cleanup: Option<EngineError>,
}

impl<T: Into<BuildError>> From<T> for Failed {
    fn from(error: T) -> Self {
        Self {
            error: error.into(),
            cleanup: None,
        }
    }
}

/// A build that did not.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The source could not be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The request can't end well.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The engine could not do something.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A script would run as a user who is not allowed, as its container says.
    #[error(transparent)]
    User(#[from] Box<UserRefused>),
    /// The builder that s2i has picked is not there.
    #[error("there is no builder image `{builder}`, which was picked because {because}")]
    NoPickedBuilder {
        /// The builder.
        builder: ImageRef,
        /// Why it was picked.
        because: String,
        /// What the engine said.
        #[source]
        source: Box<EngineError>,
    },
    /// A script ended with a status other than 0.
    #[error("`{script}` of `{image}` {}", how(*exit))]
    Script {
        /// Which one.
        script: Script,
        /// The image that it ran in.
        image: ImageRef,
        /// How it ended.
        exit: Exit,
    },
}

impl BuildError {
    /// Who stopped the build, if somebody did.
    #[must_use]
    pub fn interrupt(&self) -> Option<Interrupt> {
        match self {
            Self::Source(SourceError::Interrupted(reason))
            | Self::Engine(EngineError::Interrupted(reason)) => Some(*reason),
            _ => None,
        }
    }
}

pub(crate) fn how(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("failed with status {code}"),
        Exit::Signal(9) => "was killed by signal 9 (is there enough memory?)".into(),
        Exit::Signal(signal) => format!("was killed by signal {signal}"),
    }
}
