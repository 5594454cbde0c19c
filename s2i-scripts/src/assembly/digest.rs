//! Digests of files.

use std::{fs::File, io, path::Path};

use s2i_core::image::Digest;

use crate::Error;

/// Returns the SHA-256 digest of a file, in hexadecimal digits.
pub(crate) fn of_file(path: &Path) -> Result<String, Error> {
    let digest = read(path).map_err(Error::file("read", path.display()))?;
    Ok(digest.hex())
}

/// Returns the SHA-256 digest of a file.
pub(crate) fn read(path: &Path) -> io::Result<Digest> {
    let (digest, _) = Digest::of_reader(&mut File::open(path)?)?;
    Ok(digest)
}
