//! The stream of a layer: decompressed and hashed.

use std::io::{self, BufReader, ErrorKind, Read, Write};

use super::UnpackError;
use crate::{Digest, HashingWriter, compression::decompressed};

/// One buffer for everything: contents go from it straight into files.
const BUFFER: usize = 256 << 10;

/// The bytes of a layer without their compression.
pub(super) struct Plain<'a> {
    stream: Box<dyn Read + 'a>,
    hash: HashingWriter<io::Sink>,
    /// A check that is called before the buffer is filled.
    check: &'a dyn Fn() -> io::Result<()>,
}

/// Opens a layer; an error of `check` ends reading it.
pub(super) fn open<'a>(
    layer: &'a mut dyn Read,
    check: &'a dyn Fn() -> io::Result<()>,
) -> Result<BufReader<Plain<'a>>, UnpackError> {
    let plain = Plain {
        stream: decompressed(layer).map_err(UnpackError::Read)?,
        hash: HashingWriter::new(io::sink()),
        check,
    };
    Ok(BufReader::with_capacity(BUFFER, plain))
}

/// The digest and the number of the bytes of a layer that was read to its end.
pub(super) fn finish(layer: BufReader<Plain<'_>>) -> (Digest, u64) {
    let (_, digest, size) = layer.into_inner().hash.finish();
    (digest, size)
}

/// Fills the buffer up, so that pieces are as large as can be.
impl Read for Plain<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (self.check)()?;
        let mut filled = 0;
        while filled < buffer.len() {
            match self.stream.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(err) if err.kind() == ErrorKind::Interrupted => {}
                Err(err) => return Err(err),
            }
        }
        self.hash.write_all(&buffer[..filled])?;
        Ok(filled)
    }
}
