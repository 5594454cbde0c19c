//! The failures of this engine, as those of the ports.

pub(crate) use s2i_build::ports::{blocking, failed};
use s2i_build::{CancelToken, EngineError};

/// Returns an error after a cancellation, for work that only has I/O errors.
pub(crate) fn check(cancel: &CancelToken) -> std::io::Result<()> {
    let checked = cancel.check().map_err(EngineError::from);
    checked.map_err(std::io::Error::other)
}
