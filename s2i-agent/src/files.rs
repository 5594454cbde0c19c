//! Reading files of a container, which may be anything and of any size.

use std::{fs::OpenOptions, io, os::unix::fs::OpenOptionsExt as _, path::Path};

use rustix::fs::OFlags;
use s2i_core::bounds;

/// Returns the first bytes of a file, at most this many. A pipe that has nothing is empty, or an error: it is not
/// waited for.
pub(crate) fn head(path: impl AsRef<Path>, bytes: u64) -> io::Result<Vec<u8>> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(flags).open(path)?;
    bounds::head(file, bytes)
}

/// Returns what is in a file that the kernel makes.
#[expect(clippy::disallowed_methods, reason = "it is the kernel's own")]
pub(crate) fn kernel_text(path: &str) -> io::Result<String> {
    std::fs::read_to_string(path)
}
