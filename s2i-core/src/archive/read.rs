//! The reader that nothing escapes from.

use std::io::{self, Read};

use cap_std::fs::Dir;
use thiserror::Error;

/// What an archive may amount to at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of file contents.
    pub bytes: u64,
    /// Entries of all types.
    pub entries: u64,
    /// Bytes of one path or link target.
    pub path: usize,
}

/// What was unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Entries of all types.
    pub entries: u64,
    /// Bytes of file contents.
    pub bytes: u64,
}

/// Why an archive was refused or could not be unpacked.
#[derive(Debug, Error)]
pub enum UnpackError {
    /// placeholder
    #[error("todo")]
    Io(#[source] io::Error),
}

/// Unpacks an uncompressed archive into `into`.
///
/// # Errors
/// [`UnpackError`].
pub fn unpack(archive: &mut dyn Read, into: &Dir, limits: &Limits) -> Result<Unpacked, UnpackError> {
    let _ = (archive, into, limits);
    todo!()
}
