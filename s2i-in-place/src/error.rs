//! The failures of this engine, as those of the ports.

use std::fmt::Display;

use s2i_build::{
    CancelToken, EngineError,
    ports::{BoxError, Operation},
};

/// Returns the error of an operation.
pub(crate) fn failed<E: Into<BoxError>>(
    operation: Operation,
    subject: impl Display,
) -> impl FnOnce(E) -> EngineError {
    let subject = subject.to_string();
    move |source| EngineError::Failed {
        operation,
        subject,
        source: source.into(),
    }
}

/// Runs blocking work on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    let done = s2i_build::stream::blocking(work).await;
    done.map_err(failed(Operation::WaitFor, "a worker thread"))?
}

/// Returns an error after a cancellation, for work that only has I/O errors.
pub(crate) fn check(cancel: &CancelToken) -> std::io::Result<()> {
    let checked = cancel.check().map_err(EngineError::from);
    checked.map_err(std::io::Error::other)
}
