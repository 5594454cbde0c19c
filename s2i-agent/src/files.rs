//! Bounded reads of files of a container, which may be of any type and size.

use std::{fs::OpenOptions, io, os::unix::fs::OpenOptionsExt as _, path::Path};

use rustix::fs::OFlags;
use s2i_core::bounds;

/// Returns the first bytes of a file, at most this many. The read does not wait for a pipe: one without data is empty
/// or an error.
pub(crate) fn head(path: impl AsRef<Path>, bytes: u64) -> io::Result<Vec<u8>> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(flags).open(path)?;
    bounds::head(file, bytes)
}

/// Returns the text of a file that the kernel generates.
#[expect(clippy::disallowed_methods, reason = "it is the kernel's own")]
pub(crate) fn kernel_text(path: &str) -> io::Result<String> {
    std::fs::read_to_string(path)
}
