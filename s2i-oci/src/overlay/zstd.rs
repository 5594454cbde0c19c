//! Decompresses zstd with all its frames: layers may have one for each part, and some that are to be
//! skipped.

use std::io::{self, BufRead, ErrorKind, Read};

use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

/// Frames one after another, up to the end of the stream.
pub(super) struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            decoder: FrameDecoder::new(),
        }
    }

    /// Starts the next frame that has contents; tells whether there is one.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => self.skip(length.into())?,
                Err(err) => return Err(io::Error::new(ErrorKind::InvalidData, err)),
            }
        }
        Ok(false)
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.source.by_ref().take(length), &mut io::sink())?;
        if skipped == length {
            Ok(())
        } else {
            Err(ErrorKind::UnexpectedEof.into())
        }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.decoder.can_collect() == 0 {
            if !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(|err| io::Error::new(ErrorKind::InvalidData, err))?;
            } else if !self.next_frame()? {
                return Ok(0);
            }
        }
        self.decoder.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn frame(content: &[u8]) -> Vec<u8> {
        compress_to_vec(content, CompressionLevel::Fastest)
    }

    fn read(compressed: &[u8]) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        Frames::new(compressed).read_to_end(&mut content)?;
        Ok(content)
    }

    #[test]
    fn frames_are_joined_and_others_skipped() {
        let skippable = |length: u32| [&b"\x5a\x2a\x4d\x18"[..], &length.to_le_bytes()].concat();
        let large = vec![b'x'; 300_000];
        let whole = [
            skippable(3),
            b"abc".to_vec(),
            frame(b"one "),
            frame(b""),
            skippable(0),
            frame(&large),
            skippable(2),
            b"zz".to_vec(),
        ]
        .concat();
        assert_eq!(read(&whole).unwrap(), [&b"one "[..], &large].concat());
        let cut = &whole[..whole.len() - 1];
        assert_eq!(read(cut).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        let cut = &frame(b"one")[..8];
        assert_eq!(read(cut).unwrap_err().kind(), ErrorKind::InvalidData);
        let garbage = [frame(b"one"), b"garbage".to_vec()].concat();
        assert_eq!(read(&garbage).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
