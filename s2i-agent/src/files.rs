//! Reading files of a container, which may be anything and of any size.

use std::{
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use rustix::fs::OFlags;

/// Returns the first bytes of a file, at most this many. A pipe that has nothing is empty, or an error: it is not
/// waited for.
#[expect(clippy::disallowed_methods, reason = "it has a bound")]
pub(crate) fn read_at_most(path: impl AsRef<Path>, bytes: u64) -> io::Result<Vec<u8>> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    let mut read = Vec::new();
    file.take(bytes).read_to_end(&mut read)?;
    Ok(read)
}

/// Returns what is in a file that the kernel makes.
#[expect(clippy::disallowed_methods, reason = "it is the kernel's own")]
pub(crate) fn kernel_text(path: &str) -> io::Result<String> {
    std::fs::read_to_string(path)
}
