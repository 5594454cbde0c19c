//! The warning about a cleanup that failed after another failure.

use s2i_build::{EngineError, event::Progress};
use s2i_core::{Diagnostic, ErrorChain};

/// Sends a warning about a resource that could not be removed after another failure.
pub(crate) fn warn_of(left: &EngineError, progress: &Progress<'_>) {
    progress.warn([Diagnostic::new("cleanup", ErrorChain(left).to_string())]);
}
