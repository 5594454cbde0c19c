//! A writer that passes its input on in blocks of one size.

use std::io::{self, Write};

/// The size of a block, in bytes.
const SIZE: usize = 64 << 10;

/// A writer that passes on blocks of one size, whatever the sizes of its writes are. The output of a compressor depends
/// on these, and a layer has to be compressed to the same bytes each time.
pub(crate) struct Blocks<W> {
    out: W,
    block: Vec<u8>,
}

impl<W: Write> Blocks<W> {
    pub(crate) fn new(out: W) -> Self {
        let block = Vec::with_capacity(SIZE);
        Self { out, block }
    }

    /// Passes on the last block, and returns the writer below.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&self.block)?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Blocks<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(SIZE - self.block.len());
        self.block.extend_from_slice(&bytes[..taken]);
        if self.block.len() == SIZE {
            self.out.write_all(&self.block)?;
            self.block.clear();
        }
        Ok(taken)
    }

    /// Does nothing: a part of a block stays until the block is complete.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
