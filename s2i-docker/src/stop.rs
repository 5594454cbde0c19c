//! Work that may be stopped, and what is told of cleaning up after it.

use futures_util::future::{Either, select};
use s2i_build::{CancelToken, EngineError, event::Progress};
use s2i_core::{Diagnostic, ErrorChain};

/// Tells what could not be cleaned up after something else went wrong.
pub(crate) fn warn_of(left: &EngineError, progress: &Progress<'_>) {
    progress.warn([Diagnostic::new("cleanup", ErrorChain(left).to_string())]);
}

/// Does the work unless somebody stops it first.
pub(crate) async fn or_interrupted<T>(
    work: impl Future<Output = Result<T, EngineError>>,
    cancel: &CancelToken,
) -> Result<T, EngineError> {
    match select(std::pin::pin!(cancel.cancelled()), std::pin::pin!(work)).await {
        Either::Left((reason, _)) => Err(EngineError::Interrupted(reason)),
        Either::Right((done, _)) => done,
    }
}
