//! What is told of cleaning up after something else went wrong.

use s2i_build::{EngineError, event::Progress};
use s2i_core::{Diagnostic, ErrorChain};

/// Tells what could not be cleaned up after something else went wrong.
pub(crate) fn warn_of(left: &EngineError, progress: &Progress<'_>) {
    progress.warn([Diagnostic::new("cleanup", ErrorChain(left).to_string())]);
}
