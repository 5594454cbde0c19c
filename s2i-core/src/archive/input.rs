//! The stream of an archive, in blocks and with a count of bytes.

use std::io::{self, BufRead};

use super::{ArchiveFault, UnpackError, grammar::BLOCK};
use crate::bounds;

/// The most zeros after the end. Archives are padded to the record size of tapes, which is far less.
const MAX_PADDING: u64 = bounds::PADDING;

pub(super) struct Input<'a> {
    stream: &'a mut dyn BufRead,
    position: u64,
}

impl<'a> Input<'a> {
    pub(super) fn new(stream: &'a mut dyn BufRead) -> Self {
        Self {
            stream,
            position: 0,
        }
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The next block.
    pub(super) fn block(&mut self) -> Result<[u8; BLOCK], UnpackError> {
        let start = self.position;
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            let piece = self.piece(BLOCK - filled)?;
            let count = piece.len();
            if count == 0 {
                return Err(compression(start, &block)
                    .unwrap_or(ArchiveFault::Cut)
                    .into());
            }
            block[filled..filled + count].copy_from_slice(piece);
            filled += count;
            self.consume(count);
        }
        Ok(block)
    }

    /// Hands `size` bytes of contents to `sink` in pieces and skips the rest of the last block.
    pub(super) fn contents(
        &mut self,
        size: u64,
        mut sink: impl FnMut(&[u8]) -> Result<(), UnpackError>,
    ) -> Result<(), UnpackError> {
        self.exactly(size, &mut sink)?;
        let rest = size.wrapping_neg() % BLOCK as u64;
        self.exactly(rest, &mut |_| Ok(()))
    }

    fn exactly(
        &mut self,
        size: u64,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), UnpackError>,
    ) -> Result<(), UnpackError> {
        let mut left = size;
        while left > 0 {
            let piece = self.piece(usize::try_from(left).unwrap_or(usize::MAX))?;
            if piece.is_empty() {
                return Err(ArchiveFault::Cut.into());
            }
            sink(piece)?;
            let count = piece.len();
            left -= count as u64;
            self.consume(count);
        }
        Ok(())
    }

    /// Reads to the end of the stream, where only zeros may be.
    pub(super) fn padding(&mut self) -> Result<(), UnpackError> {
        let mut total = 0;
        loop {
            let piece = self.piece(usize::MAX)?;
            let count = piece.len();
            if count == 0 {
                return Ok(());
            }
            if piece.iter().any(|byte| *byte != 0) {
                return Err(ArchiveFault::GoesOn.into());
            }
            total += count as u64;
            if total > MAX_PADDING {
                return Err(ArchiveFault::Padding(MAX_PADDING).into());
            }
            self.consume(count);
        }
    }

    /// At most `most` of the bytes that are there; none at the end of the stream.
    fn piece(&mut self, most: usize) -> Result<&[u8], UnpackError> {
        let length = loop {
            match self.stream.fill_buf() {
                Ok(piece) => break piece.len().min(most),
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => return Err(UnpackError::Read(err)),
            }
        };
        if length == 0 {
            return Ok(&[]);
        }
        // It is there: this reads nothing.
        let piece = self.stream.fill_buf().map_err(UnpackError::Read)?;
        Ok(&piece[..length])
    }

    fn consume(&mut self, count: usize) {
        self.stream.consume(count);
        self.position += count as u64;
    }
}

/// What to say of a block that should be a header and is none, if it is the start of a compressed file.
pub(super) fn compression(position: u64, block: &[u8; BLOCK]) -> Option<ArchiveFault> {
    const MAGIC: [(&[u8], &str); 5] = [
        (b"\x1f\x8b", "gzip"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"BZh", "bzip2"),
        (b"PK\x03\x04", "zip"),
    ];
    let (_, format) = MAGIC
        .iter()
        .find(|(magic, _)| position == 0 && block.starts_with(magic))?;
    Some(ArchiveFault::Compressed(format))
}
