//! Decompresses layers and archives in any of the supported formats.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

/// The bytes at the start that show the compression.
const MAGIC: u64 = 4;

/// The size of the buffer for compressed input.
const BUFFER: usize = 64 << 10;

/// The format of a stream, by its compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// No compression, or an unknown one.
    None,
    Gzip,
    Zstd,
}

impl Format {
    /// Returns the format of a stream that starts with these bytes.
    pub(crate) fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A frame with contents, or one that is to be skipped.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// The stream without its compression.
pub(crate) fn decompressed<'a>(mut stream: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut start = Vec::new();
    stream.by_ref().take(MAGIC).read_to_end(&mut start)?;
    let compression = Format::of(&start);
    let stream = BufReader::with_capacity(BUFFER, Cursor::new(start).chain(stream));
    Ok(match compression {
        Format::None => Box::new(stream),
        Format::Gzip => Box::new(MultiGzDecoder::new(stream)),
        Format::Zstd => Box::new(Frames {
            source: stream,
            decoder: FrameDecoder::new(),
        }),
    })
}

/// All frames of a zstd stream, one after another.
struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
}

impl<R: BufRead> Frames<R> {
    /// Starts the next frame that has contents, if there is one.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = self.source.by_ref().take(length.into());
                    if io::copy(&mut skipped, &mut io::sink())? < u64::from(length) {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(err) => return Err(io::Error::new(ErrorKind::InvalidData, err)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.decoder.can_collect() == 0 {
            if self.decoder.is_finished() {
                if !self.next_frame()? {
                    return Ok(0);
                }
                continue;
            }
            let some = BlockDecodingStrategy::UptoBlocks(1);
            let decoded = self.decoder.decode_blocks(&mut self.source, some);
            decoded.map_err(|err| io::Error::new(ErrorKind::InvalidData, err))?;
        }
        self.decoder.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    #[test]
    fn every_compression_is_read() {
        let content = vec![7; 300_000];
        let gzip = |part: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(part).unwrap();
            encoder.finish().unwrap()
        };
        let zstd = |part: &[u8]| compress_to_vec(part, CompressionLevel::Fastest);
        let skipped = b"\x50\x2a\x4d\x18\x01\0\0\0x".to_vec();
        let (one, two) = content.split_at(1000);
        for stream in [
            content.clone(),
            gzip(&content),
            [gzip(one), gzip(two)].concat(),
            zstd(&content),
            [skipped.clone(), zstd(one), zstd(two), skipped].concat(),
        ] {
            let mut read = Vec::new();
            let mut plain = decompressed(stream.as_slice()).unwrap();
            plain.read_to_end(&mut read).unwrap();
            assert!(read == content);
        }
        let mut nothing = Vec::new();
        decompressed(&b""[..])
            .unwrap()
            .read_to_end(&mut nothing)
            .unwrap();
        assert_eq!(nothing, b"");
    }

    #[test]
    fn cut_and_damaged_streams_are_errors() {
        let zstd = |part: &[u8]| compress_to_vec(part, CompressionLevel::Fastest);
        let error = |stream: &[u8]| {
            let read = decompressed(stream).unwrap().read_to_end(&mut Vec::new());
            read.unwrap_err().kind()
        };
        let skipped_cut = [zstd(b"one"), b"\x5a\x2a\x4d\x18\x02\0\0\0z".to_vec()].concat();
        assert_eq!(error(&skipped_cut), ErrorKind::UnexpectedEof);
        assert_eq!(error(&zstd(b"one")[..8]), ErrorKind::InvalidData);
        let garbage = [zstd(b"one"), b"garbage".to_vec()].concat();
        assert_eq!(error(&garbage), ErrorKind::InvalidData);
    }
}
