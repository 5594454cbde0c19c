//! Reading whole files of the host.
//!
//! A file of an image, or one that a container left, can have any size: without a bound it would fill the memory of the
//! machine. So `clippy.toml` forbids reading to the end, and other files are read by [`bounds`](s2i_core::bounds).

use std::{io, path::Path};

/// Returns the content of a file of the kernel or of the host's administrator, whose size no image decides.
#[expect(clippy::disallowed_methods, reason = "it is the host's own")]
pub(crate) fn host_bytes(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    std::fs::read(path)
}

/// Returns the same as text; bytes that are not UTF-8 are replaced.
pub(crate) fn host_text(path: impl AsRef<Path>) -> io::Result<String> {
    let bytes = host_bytes(path)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
