//! The stream of a layer: decompressed, hashed, and handed out in blocks.

use std::io::{self, BufReader, Cursor, ErrorKind, Read, Write};

use flate2::bufread::MultiGzDecoder;
use s2i_core::archive::{ArchiveFault, grammar::BLOCK};

use super::{UnpackError, zstd::Frames};
use crate::{Digest, HashingWriter};

/// One buffer for everything: contents go from it straight into files.
const BUFFER: usize = 256 << 10;

/// The buffer for what is compressed.
const COMPRESSED: usize = 64 << 10;

/// The bytes that tell a compression.
const MAGIC: usize = 6;

pub(super) struct Input<'a> {
    stream: Box<dyn Read + 'a>,
    hash: HashingWriter<io::Sink>,
    buffer: Vec<u8>,
    /// What of the buffer was not consumed yet.
    start: usize,
    end: usize,
    /// How many bytes were consumed.
    position: u64,
    /// How many bytes may still come from the stream.
    allowed: u64,
    limit: u64,
    /// Asked before the buffer is filled.
    check: &'a dyn Fn() -> io::Result<()>,
}

impl<'a> Input<'a> {
    /// The layer without its compression, and at most `limit` bytes of it.
    pub(super) fn new(
        layer: &'a mut dyn Read,
        limit: u64,
        check: &'a dyn Fn() -> io::Result<()>,
    ) -> Result<Self, UnpackError> {
        Ok(Self {
            stream: decompressed(layer)?,
            hash: HashingWriter::new(io::sink()),
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
            position: 0,
            allowed: limit,
            limit,
            check,
        })
    }

    /// How many bytes were consumed.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The next block; `None` at the end of the stream.
    pub(super) fn block(&mut self) -> Result<Option<[u8; BLOCK]>, UnpackError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            let piece = self.piece((BLOCK - filled) as u64)?;
            let count = piece.len();
            match count {
                0 if filled == 0 => return Ok(None),
                0 => return Err(ArchiveFault::Cut.into()),
                _ => block[filled..filled + count].copy_from_slice(piece),
            }
            filled += count;
            self.consume(count);
        }
        Ok(Some(block))
    }

    /// Hands the next `size` bytes to `sink` in pieces.
    pub(super) fn exactly<E: From<UnpackError>>(
        &mut self,
        size: u64,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut left = size;
        while left > 0 {
            let piece = self.piece(left)?;
            if piece.is_empty() {
                return Err(UnpackError::from(ArchiveFault::Cut).into());
            }
            sink(piece)?;
            let count = piece.len();
            left -= count as u64;
            self.consume(count);
        }
        Ok(())
    }

    /// Skips contents of `size` bytes, or what fills up their last block after they were read.
    pub(super) fn skip(&mut self, size: u64) -> Result<(), UnpackError> {
        self.exactly(size, |_| Ok(()))
    }

    /// Reads to the end of the stream, where only zeros may be.
    pub(super) fn padding(&mut self) -> Result<(), UnpackError> {
        loop {
            let piece = self.piece(u64::MAX)?;
            let count = piece.len();
            if count == 0 {
                return Ok(());
            }
            if piece.iter().any(|byte| *byte != 0) {
                return Err(ArchiveFault::GoesOn.into());
            }
            self.consume(count);
        }
    }

    /// The digest and the number of all bytes that came from the stream.
    pub(super) fn finish(self) -> (Digest, u64) {
        let (_, digest, size) = self.hash.finish();
        (digest, size)
    }

    /// At most `most` of the bytes that are there; none at the end of the stream.
    fn piece(&mut self, most: u64) -> Result<&[u8], UnpackError> {
        if self.start == self.end {
            self.fill()?;
        }
        let piece = &self.buffer[self.start..self.end];
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(&piece[..piece.len().min(most)])
    }

    /// Fills the buffer up, so that pieces are as large as can be.
    fn fill(&mut self) -> Result<(), UnpackError> {
        (self.check)().map_err(UnpackError::Read)?;
        (self.start, self.end) = (0, 0);
        while self.end < BUFFER {
            match self.stream.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(count) => self.end += count,
                Err(err) if err.kind() == ErrorKind::Interrupted => {}
                Err(err) => return Err(UnpackError::Read(err)),
            }
        }
        self.allowed = self
            .allowed
            .checked_sub(self.end as u64)
            .ok_or(ArchiveFault::Bytes(self.limit))?;
        let hashed = self.hash.write_all(&self.buffer[..self.end]);
        hashed.map_err(UnpackError::Read)
    }

    fn consume(&mut self, count: usize) {
        self.start += count;
        self.position += count as u64;
    }
}

/// What fills up the last block of contents of this size.
pub(super) fn fill_up(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

/// Looks at the first bytes and takes the compression away.
fn decompressed<'a>(layer: &'a mut dyn Read) -> Result<Box<dyn Read + 'a>, UnpackError> {
    let mut magic = Vec::new();
    (&mut *layer)
        .take(MAGIC as u64)
        .read_to_end(&mut magic)
        .map_err(UnpackError::Read)?;
    let stream = Cursor::new(magic.clone()).chain(layer);
    let buffered = |stream| BufReader::with_capacity(COMPRESSED, stream);
    Ok(match &*magic {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(buffered(stream))),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            Box::new(Frames::new(buffered(stream)))
        }
        b"\xfd7zXZ\0" => return Err(UnpackError::Compression("xz")),
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41] => {
            return Err(UnpackError::Compression("bzip2"));
        }
        _ => Box::new(stream),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn read(mut layer: &[u8]) -> Result<(Digest, u64), UnpackError> {
        let mut input = Input::new(&mut layer, 2_000_000, &|| Ok(()))?;
        while input.block()?.is_some() {}
        Ok(input.finish())
    }

    #[test]
    fn every_compression_gives_the_same_bytes_and_digest() {
        let content = vec![7; 2048 * BLOCK];
        let (half, rest) = content.split_at(999);
        let expected = (Digest::of(&content), content.len() as u64);
        let zstd = |part: &[u8]| compress_to_vec(part, CompressionLevel::Fastest);
        let skipped = b"\x50\x2a\x4d\x18\x01\0\0\0x".to_vec();
        for layer in [
            content.clone(),
            gzip(&content),
            [gzip(half), gzip(rest)].concat(),
            zstd(&content),
            [skipped.clone(), zstd(half), zstd(rest), skipped].concat(),
        ] {
            assert_eq!(read(&layer).unwrap(), expected);
        }
        assert_eq!(read(b"").unwrap(), (Digest::of(b""), 0));
    }

    #[test]
    fn bombs_and_broken_streams_end_early() {
        let bomb = gzip(&vec![7; 3_000_000]);
        let err = read(&bomb).unwrap_err();
        assert!(matches!(
            err,
            UnpackError::Layer(ArchiveFault::Bytes(2_000_000))
        ));
        let whole = gzip(&[7; BLOCK]);
        let err = read(&whole[..whole.len() - 1]).unwrap_err();
        assert!(matches!(err, UnpackError::Read(_)));
        let err = read(&[7; BLOCK + 1]).unwrap_err();
        assert!(matches!(err, UnpackError::Layer(ArchiveFault::Cut)));
        for (magic, name) in [(&b"\xfd7zXZ\0\0"[..], "xz"), (b"BZh91AY&SY", "bzip2")] {
            let err = read(magic).unwrap_err();
            assert!(matches!(err, UnpackError::Compression(found) if found == name));
        }
    }
}
