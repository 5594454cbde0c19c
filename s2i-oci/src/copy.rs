//! Copies of streams, with errors of the input apart from those of the output.

use std::io::{self, ErrorKind, Read, Write};

use crate::{Digest, HashingWriter};

/// The number of bytes that are copied at once.
const PIECE: usize = 256 << 10;

/// An error of a copy.
#[derive(Debug)]
pub(crate) enum CopyError {
    /// The input can't be read.
    Read(io::Error),
    /// The output can't be written.
    Write(io::Error),
}

impl From<io::Error> for CopyError {
    fn from(err: io::Error) -> Self {
        Self::Write(err)
    }
}

/// Copies `input` to its end, and returns the digest and the number of its bytes.
pub(crate) fn copy(
    input: &mut dyn Read,
    output: &mut dyn Write,
) -> Result<(Digest, u64), CopyError> {
    let mut output = HashingWriter::new(output);
    let mut buffer = vec![0; PIECE];
    loop {
        let count = match input.read(&mut buffer) {
            Ok(0) => break,
            Err(err) if err.kind() == ErrorKind::Interrupted => continue,
            read => read.map_err(CopyError::Read)?,
        };
        let written = output.write_all(&buffer[..count]);
        written.map_err(CopyError::Write)?;
    }
    let (_, digest, size) = output.finish();
    Ok((digest, size))
}
