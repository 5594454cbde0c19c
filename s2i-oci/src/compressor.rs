//! Compression of layers on all cores, to bytes that do not depend on the number of cores.
//!
//! A stream is cut into blocks of one size, and each block becomes a gzip member or a zstd frame of its own. All readers
//! of both formats accept a sequence of them.

use std::{
    fmt::{self, Display},
    io::{self, BufWriter, Write},
    num::NonZero,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
};

use flate2::{GzBuilder, write::DeflateEncoder};
use thiserror::Error;

use crate::{Digest, HashingWriter, manifest};

/// The level that layers are compressed with by gzip: of 1 to 9, where most tools have their default.
pub const GZIP_LEVEL: u32 = 6;
/// The size of the blocks of gzip, in bytes. Smaller ones would cost more than a thousandth of the size.
const GZIP_BLOCK: usize = 512 << 10;
/// The size of the blocks of zstd, in bytes, whose usual levels look back up to twice as far.
const ZSTD_BLOCK: usize = 1 << 20;
/// The most bytes of blocks that wait for their compression or for the output. Compressed ones are hardly longer.
const WAITING: usize = 8 << 20;
/// The most threads, so that a push needs less than 64 MiB of memory on any machine.
const THREADS: usize = 8;
/// The size of the buffer of the output, in bytes.
const BUFFER: usize = 256 << 10;

/// The compression of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// gzip at [`GZIP_LEVEL`], which all registries and engines support. Blocks that it would hardly make shorter are
    /// stored.
    #[default]
    Gzip,
    /// zstd, which Docker supports from 23.0 on, at this level, from 1 to [`Compression::MAX_ZSTD`].
    Zstd(u8),
}

impl Compression {
    /// The usual level of zstd.
    pub const ZSTD: u8 = 3;
    /// The highest level of zstd. Each thread needs up to 30 MB of memory for it.
    pub const MAX_ZSTD: u8 = 19;

    /// The media type of a layer with this compression.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Gzip => manifest::LAYER_GZIP,
            Self::Zstd(_) => manifest::LAYER_ZSTD,
        }
    }

    /// Returns the digest of fixed samples in this compression. Other versions of the compressor have other digests, so
    /// it belongs to the key of a stored digest of a compressed layer.
    ///
    /// # Errors
    /// The compressor can't be used.
    pub fn fingerprint(self) -> io::Result<Digest> {
        let mut compressor = Compressor::new(self)?;
        // Numbers as text repeat enough for long and short matches.
        let numbers = (0..8_000_u32).map(|number| {
            let noise = number.wrapping_mul(2_654_435_761) >> (number % 16);
            format!("{noise} ")
        });
        let mut compressed = compressor.compress(numbers.collect::<String>().as_bytes())?;
        compressed.extend(compressor.compress(&noise(2 * SAMPLES * SAMPLE))?);
        let rule = [self.block(), SAMPLES, SAMPLE].map(|number| number.to_string());
        compressed.extend(rule.join(" ").into_bytes());
        Ok(Digest::of(&compressed))
    }

    fn block(self) -> usize {
        match self {
            Self::Gzip => GZIP_BLOCK,
            Self::Zstd(_) => ZSTD_BLOCK,
        }
    }
}

/// Returns pseudo-random bytes.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let bytes = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    bytes.flatten().take(length).collect()
}

impl Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gzip => f.write_str("gzip"),
            Self::Zstd(level) => write!(f, "zstd:{level}"),
        }
    }
}

/// A text that names no compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "use `gzip`, `zstd` or `zstd:LEVEL` with a level from 1 to {}",
    Compression::MAX_ZSTD
)]
pub struct CompressionError;

impl FromStr for Compression {
    type Err = CompressionError;

    fn from_str(text: &str) -> Result<Self, CompressionError> {
        match text.split_once(':') {
            None if text == "gzip" => Ok(Self::Gzip),
            None if text == "zstd" => Ok(Self::Zstd(Self::ZSTD)),
            Some(("zstd", level)) => match level.parse() {
                Ok(level) if (1..=Self::MAX_ZSTD).contains(&level) => Ok(Self::Zstd(level)),
                _ => Err(CompressionError),
            },
            _ => Err(CompressionError),
        }
    }
}

/// A block, and the channel for its compressed form.
struct Job {
    block: Vec<u8>,
    done: mpsc::SyncSender<io::Result<Vec<u8>>>,
}

/// The compressed forms of blocks, in their order.
type InOrder = mpsc::Receiver<mpsc::Receiver<io::Result<Vec<u8>>>>;

/// A writer that compresses into `W`. Its threads end when it is dropped.
pub(crate) struct Blocks<W> {
    size: usize,
    block: Vec<u8>,
    has_any: bool,
    jobs: mpsc::Sender<Job>,
    /// The queue for the output, whose bound is that of all blocks in memory.
    order: mpsc::SyncSender<mpsc::Receiver<io::Result<Vec<u8>>>>,
    output: JoinHandle<io::Result<(W, Digest, u64)>>,
}

impl<W: Write + Send + 'static> Blocks<W> {
    pub(crate) fn new(out: W, compression: Compression) -> io::Result<Self> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        Self::with_threads(out, compression, threads.min(THREADS))
    }

    fn with_threads(out: W, compression: Compression, threads: usize) -> io::Result<Self> {
        let size = compression.block();
        let (jobs, waiting) = mpsc::channel::<Job>();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let (waiting, mut compressor) = (Arc::clone(&waiting), Compressor::new(compression)?);
            let work = move || {
                loop {
                    let job = waiting
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .recv();
                    let Ok(Job { block, done }) = job else {
                        return;
                    };
                    // The output may have failed.
                    let _ = done.send(compressor.compress(&block));
                }
            };
            thread::Builder::new().spawn(work)?;
        }
        let (order, compressed) = mpsc::sync_channel((2 * threads).min(WAITING / size));
        let output = thread::Builder::new().spawn(move || write_in_order(out, &compressed))?;
        Ok(Self {
            size,
            block: Vec::with_capacity(size),
            has_any: false,
            jobs,
            order,
            output,
        })
    }

    fn send(&mut self) -> io::Result<()> {
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(self.size));
        let (done, compressed) = mpsc::sync_channel(1);
        self.has_any = true;
        let queued = self.order.send(compressed);
        // The output has failed; `finish` returns its error.
        queued.map_err(|_| io::ErrorKind::BrokenPipe)?;
        let sent = self.jobs.send(Job { block, done });
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Compresses the rest, and returns the writer below with the digest and the number of the compressed bytes.
    pub(crate) fn finish(mut self) -> io::Result<(W, Digest, u64)> {
        let sent = if self.block.is_empty() && self.has_any {
            Ok(())
        } else {
            self.send()
        };
        drop((self.order, self.jobs));
        let written = self.output.join();
        let written = written.unwrap_or_else(|_| Err(io::Error::other("a thread has panicked")))?;
        sent.map(|()| written)
    }
}

impl<W: Write + Send + 'static> Write for Blocks<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.size - self.block.len());
        self.block.extend_from_slice(&bytes[..taken]);
        if self.block.len() == self.size {
            self.send()?;
        }
        Ok(taken)
    }

    /// Does nothing: a part of a block stays until the block is complete.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_in_order<W: Write>(out: W, compressed: &InOrder) -> io::Result<(W, Digest, u64)> {
    let mut out = HashingWriter::new(BufWriter::with_capacity(BUFFER, out));
    for block in compressed {
        // A thread that compresses ends early only by a panic.
        let block = block.recv().map_err(io::Error::other)?;
        out.write_all(&block?)?;
    }
    let (out, digest, size) = out.finish();
    let out = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok((out, digest, size))
}

/// The compressor of one thread.
enum Compressor {
    Gzip,
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Compressor {
    fn new(compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::Gzip => Self::Gzip,
            Compression::Zstd(level) => Self::Zstd(zstd::bulk::Compressor::new(level.into())?),
        })
    }

    fn compress(&mut self, block: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip => gzip(block),
            Self::Zstd(compressor) => compressor.compress(block),
        }
    }
}

/// Returns the block as a gzip member, whose header has neither name nor time.
fn gzip(block: &[u8]) -> io::Result<Vec<u8>> {
    let (level, capacity) = if is_worth(block)? {
        (GZIP_LEVEL, block.len() / 2)
    } else {
        (0, block.len() + block.len() / 1024 + 64)
    };
    let member = GzBuilder::new().mtime(0).operating_system(255);
    let mut member = member.write(
        Vec::with_capacity(capacity),
        flate2::Compression::new(level),
    );
    member.write_all(block)?;
    member.finish()
}

/// The number of samples of a block, and the size of each in bytes.
const SAMPLES: usize = 4;
const SAMPLE: usize = 8 << 10;

/// Returns whether compression makes samples of the block shorter by an eighth or more. Trying that on the whole block
/// would take sixteen times as long, and longer than everything else in a push.
fn is_worth(block: &[u8]) -> io::Result<bool> {
    if block.len() < 2 * SAMPLES * SAMPLE {
        return Ok(true);
    }
    let mut length = 0;
    for part in block.chunks_exact(block.len() / SAMPLES).take(SAMPLES) {
        // At level 1, the codes would not depend on the content.
        let mut sample =
            DeflateEncoder::new(Vec::with_capacity(SAMPLE), flate2::Compression::new(2));
        sample.write_all(&part[..SAMPLE])?;
        length += sample.finish()?.len();
    }
    Ok(length * 8 <= SAMPLES * SAMPLE * 7)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::compression::decompressed;

    const ALL: [Compression; 3] = [
        Compression::Gzip,
        Compression::Zstd(1),
        Compression::Zstd(9),
    ];

    /// Text, noise, text with noise, and the start of a block.
    fn content() -> Vec<u8> {
        let numbers = (0..400_000_u32).map(|number| number.wrapping_mul(2_654_435_761) % 5000);
        let mut content: Vec<_> = numbers
            .flat_map(|number| format!("{number} ").into_bytes())
            .collect();
        content.extend(noise(3_000_000));
        for part in noise(500_000).chunks(1000) {
            content.extend(part);
            content.extend([b'x'; 1000]);
        }
        content
    }

    fn compress(content: &[u8], compression: Compression, threads: usize, piece: usize) -> Vec<u8> {
        let mut blocks = Blocks::with_threads(Vec::new(), compression, threads).unwrap();
        for piece in content.chunks(piece) {
            blocks.write_all(piece).unwrap();
        }
        let (bytes, digest, size) = blocks.finish().unwrap();
        assert_eq!((digest, size), (Digest::of(&bytes), bytes.len() as u64));
        bytes
    }

    #[test]
    fn bytes_depend_neither_on_threads_nor_on_the_sizes_of_writes() {
        let content = content();
        for compression in ALL {
            let one = compress(&content, compression, 1, content.len());
            for (threads, piece) in [(2, 100), (7, 65_536), (16, GZIP_BLOCK)] {
                assert!(
                    compress(&content, compression, threads, piece) == one,
                    "{compression}, {threads} threads, {piece} bytes"
                );
            }
            let mut read = Vec::new();
            decompressed(&one[..])
                .unwrap()
                .read_to_end(&mut read)
                .unwrap();
            assert!(read == content, "{compression}");
        }
    }

    #[test]
    fn nothing_is_a_stream_too() {
        for compression in ALL {
            let bytes = compress(b"", compression, 2, 1);
            let mut read = Vec::new();
            decompressed(&bytes[..])
                .unwrap()
                .read_to_end(&mut read)
                .unwrap();
            assert!(read.is_empty() && !bytes.is_empty(), "{compression}");
        }
    }

    #[test]
    fn only_what_gets_shorter_is_compressed() {
        let noise = noise(GZIP_BLOCK);
        let stored = compress(&noise, Compression::Gzip, 1, GZIP_BLOCK).len();
        assert!((GZIP_BLOCK..GZIP_BLOCK + 200).contains(&stored), "{stored}");
        // Codes for some of all bytes, without any repetition.
        let digits: Vec<_> = noise.iter().map(|byte| b'0' + byte % 64).collect();
        let shorter = compress(&digits, Compression::Gzip, 1, GZIP_BLOCK).len();
        assert!(shorter < GZIP_BLOCK * 4 / 5, "{shorter}");
    }

    #[test]
    fn error_of_the_output_is_returned() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut blocks = Blocks::with_threads(Full, Compression::Gzip, 2).unwrap();
        let written = content()
            .repeat(20)
            .chunks(1000)
            .try_for_each(|piece| blocks.write_all(piece));
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let Err(err) = blocks.finish() else {
            panic!("the output is full");
        };
        assert_eq!(err.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn fingerprints_differ() {
        let [one, two, three] = ALL.map(|compression| compression.fingerprint().unwrap());
        assert!(one != two && two != three && one != three);
        assert_eq!(Compression::Gzip.fingerprint().unwrap(), one);
    }

    #[test]
    fn names_of_compressions_are_parsed() {
        for (text, expected) in [
            ("gzip", Ok(Compression::Gzip)),
            ("zstd", Ok(Compression::Zstd(3))),
            ("zstd:1", Ok(Compression::Zstd(1))),
            ("zstd:19", Ok(Compression::Zstd(19))),
            ("zstd:20", Err(CompressionError)),
            ("zstd:0", Err(CompressionError)),
            ("zstd:", Err(CompressionError)),
            ("gzip:6", Err(CompressionError)),
            ("", Err(CompressionError)),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
        assert_eq!(
            Compression::Zstd(7).to_string().parse(),
            Ok(Compression::Zstd(7))
        );
    }
}
