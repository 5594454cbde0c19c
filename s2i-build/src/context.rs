//! The context of an operation: the receiver of its progress, and the token that cancels it.

use futures_util::future::{Either, select};

use s2i_core::{Diagnostic, ErrorChain};

use crate::{cancel::CancelToken, event::Progress, ports::EngineError};

/// The context of an operation that takes time.
#[derive(Clone, Copy)]
pub struct BuildContext<'a> {
    /// The receiver of its progress.
    pub progress: &'a Progress<'a>,
    /// The token that cancels it.
    pub cancel: &'a CancelToken,
}

impl<'a> BuildContext<'a> {
    /// Creates a context.
    #[must_use]
    pub fn new(progress: &'a Progress<'a>, cancel: &'a CancelToken) -> Self {
        Self { progress, cancel }
    }

    /// Runs the work unless it is cancelled first; see [`or_interrupted`].
    ///
    /// # Errors
    /// [`EngineError::Interrupted`], and those of the work.
    pub fn or_interrupted<T, E: From<EngineError>>(
        self,
        work: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, E>> {
        or_interrupted(work, self.cancel)
    }

    /// Sends a warning if a resource could not be removed, where that is not a reason to fail.
    pub fn warn_of_leftover(self, removed: Result<(), EngineError>) {
        let warning = |err| Diagnostic::new("cleanup", ErrorChain(&err).to_string());
        self.progress.warn(removed.err().map(warning));
    }
}

/// Runs the work unless it is cancelled first. The work is dropped then, so it must not leave resources behind that are
/// not [tracked](CancelToken::track).
///
/// # Errors
/// [`EngineError::Interrupted`], and those of the work.
pub async fn or_interrupted<T, E: From<EngineError>>(
    work: impl Future<Output = Result<T, E>>,
    cancel: &CancelToken,
) -> Result<T, E> {
    match select(std::pin::pin!(cancel.cancelled()), std::pin::pin!(work)).await {
        Either::Left((reason, _)) => Err(EngineError::Interrupted(reason).into()),
        Either::Right((done, _)) => done,
    }
}
