//! The stream of an archive, with a count of its bytes.

use std::io::{self, BufRead};

use super::{ArchiveFault, ReadError, grammar::BLOCK};
use crate::bounds;

/// The most zeros after the end. Archives are padded to the record size of tapes, which is far less.
const MAX_PADDING: u64 = bounds::PADDING;

pub(super) struct Input<'a> {
    stream: &'a mut dyn BufRead,
    position: u64,
    limit: u64,
}

impl<'a> Input<'a> {
    /// A stream that must not have more than `limit` bytes.
    pub(super) fn new(stream: &'a mut dyn BufRead, limit: u64) -> Self {
        Self {
            stream,
            position: 0,
            limit,
        }
    }

    /// The number of bytes that were read.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The number of bytes that may be read.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Fills the buffer, unless the stream ends before; returns the number of bytes.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.some(&mut buffer[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(filled)
    }

    /// Reads available bytes into the buffer; returns their number, 0 at the end of the stream.
    pub(super) fn some(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        let piece = self.piece(buffer.len())?;
        let count = piece.len();
        buffer[..count].copy_from_slice(piece);
        self.consume(count);
        Ok(count)
    }

    /// Hands the next `size` bytes to `sink` in pieces.
    pub(super) fn exactly<E: From<ReadError>>(
        &mut self,
        size: u64,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut left = size;
        while left > 0 {
            let piece = self.piece(usize::try_from(left).unwrap_or(usize::MAX))?;
            if piece.is_empty() {
                return Err(ReadError::from(ArchiveFault::Cut).into());
            }
            sink(piece)?;
            let count = piece.len();
            left -= count as u64;
            self.consume(count);
        }
        Ok(())
    }

    /// Reads to the end of the stream, where only zeros may be.
    pub(super) fn padding(&mut self) -> Result<(), ReadError> {
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
    fn piece(&mut self, most: usize) -> Result<&[u8], ReadError> {
        let length = loop {
            match self.stream.fill_buf() {
                Ok(piece) => break piece.len().min(most),
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => return Err(ReadError::Stream(err)),
            }
        };
        if length == 0 {
            return Ok(&[]);
        }
        if self.position + length as u64 > self.limit {
            return Err(ArchiveFault::Bytes(self.limit).into());
        }
        // The buffer holds the piece already, so this reads nothing.
        let piece = self.stream.fill_buf().map_err(ReadError::Stream)?;
        Ok(&piece[..length])
    }

    fn consume(&mut self, count: usize) {
        self.stream.consume(count);
        self.position += count as u64;
    }
}

/// The format of a compressed file that starts with this block.
pub(super) fn compression(block: &[u8; BLOCK]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 5] = [
        (b"\x1f\x8b", "gzip"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"BZh", "bzip2"),
        (b"PK\x03\x04", "zip"),
    ];
    let known = MAGIC.iter().find(|(magic, _)| block.starts_with(magic));
    known.map(|(_, format)| *format)
}
