//! The failures of an engine.

use std::error::Error;

use s2i_core::{
    ContainerPath, ImageRef,
    wire::{Exit, Failure},
};
use thiserror::Error;

use super::Operation;
use crate::{cancel::Interrupt, stream};

impl From<Interrupt> for EngineError {
    fn from(reason: Interrupt) -> Self {
        Self::Interrupted(reason)
    }
}

/// A cause of another crate.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The failure of an engine.
#[derive(Debug, Error)]
pub enum EngineError {
    /// No engine answers.
    #[error("no container engine answers at {endpoint}")]
    Unreachable {
        /// The address.
        endpoint: String,
        /// The failure of the connection.
        #[source]
        source: BoxError,
    },
    /// The address of an engine is missing or unusable.
    #[error("no container engine can be chosen: {reason}")]
    NoEndpoint {
        /// The reason.
        reason: String,
    },
    /// The image does not exist, and must not be pulled.
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
        /// The failure in the engine or the registry.
        #[source]
        source: BoxError,
    },
    /// There is no agent for the architecture of this image.
    #[error("the image `{image}` is for {architecture}, and this s2i has no agent for it")]
    NoAgent {
        /// The image.
        image: ImageRef,
        /// Its architecture.
        architecture: String,
    },
    /// A request to the agent of the container failed.
    #[error("in a container of `{image}`: {}", failure.message)]
    Container {
        /// The image that the container is of.
        image: ImageRef,
        /// The failure as the agent reports it.
        failure: Failure,
    },
    /// A program whose output is an archive did not end with status 0.
    #[error("`{program}` in a container of `{image}` {exit}")]
    ProgramFailed {
        /// The program.
        program: String,
        /// The image that the container is of.
        image: ImageRef,
        /// Its exit.
        exit: Exit,
    },
    /// An input of the container could not be read, or is not a valid archive.
    #[error("can't send `{into}` into the container")]
    Input {
        /// The directory in the container.
        into: ContainerPath,
        /// The failure of reading it.
        #[source]
        source: std::io::Error,
    },
    /// The operation was cancelled.
    #[error("stopped by {0}")]
    Interrupted(Interrupt),
    /// The container ended by itself, or the connection to it was lost.
    #[error("the container of `{image}` ended before its work was done")]
    Lost {
        /// The image that the container is of.
        image: ImageRef,
        /// The cause, as far as it is known.
        #[source]
        source: BoxError,
    },
    /// The engine refused or failed an operation.
    #[error("the engine failed to {operation} `{subject}`")]
    Failed {
        /// The operation.
        operation: Operation,
        /// The object of the operation.
        subject: String,
        /// The failure in the engine.
        #[source]
        source: BoxError,
    },
}

/// Returns a function that makes the cause of a failed operation an [`EngineError::Failed`].
#[expect(
    clippy::needless_pass_by_value,
    reason = "most callers make it for this call"
)]
pub fn failed<E: Into<BoxError>>(
    operation: Operation,
    subject: impl ToString,
) -> impl FnOnce(E) -> EngineError {
    let subject = subject.to_string();
    move |source| EngineError::Failed {
        operation,
        subject,
        source: source.into(),
    }
}

/// Runs blocking work of an engine on a thread of its own.
///
/// # Errors
/// Those of the work; [`EngineError::Failed`] when it panics.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    let done = stream::blocking(work).await;
    done.map_err(failed(Operation::WaitFor, "a worker thread"))?
}
