//! Conversion of errors of the store and the system to those of the port.

use s2i_build::{
    EngineError,
    ports::{BoxError, Operation},
};
use s2i_core::ImageRef;

/// Adds the operation and its subject to an error.
#[expect(
    clippy::needless_pass_by_value,
    reason = "most callers make it for this call"
)]
pub(crate) fn failed<E: Into<BoxError>>(
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

/// Runs blocking work on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    let done = s2i_build::stream::blocking(work).await;
    done.map_err(failed(Operation::WaitFor, "a worker thread"))?
}

/// Returns the error for an image that is not in the store.
pub(crate) fn no_such_image(image: &ImageRef) -> EngineError {
    EngineError::NoSuchImage {
        image: image.clone(),
    }
}
