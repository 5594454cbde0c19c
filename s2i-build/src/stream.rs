//! Streams of archives: produced by a thread, consumed piece by piece, never whole in memory.

use std::{
    fmt,
    io::{self, BufReader, BufWriter, Write},
    path::Path,
    pin::Pin,
    sync::Arc,
    thread,
};

use bytes::Bytes;
use cap_std::{ambient_authority, fs::Dir};
use futures_util::{SinkExt as _, Stream, StreamExt as _};
use s2i_core::{OpenDir, archive, bounds::Limits, ignore::Filter};

pub use crate::archive_reader::ArchiveReader;
use crate::{CancelToken, EngineError};

/// The size of the pieces that a tree is sent in, in bytes.
const PIECE: usize = 256 * 1024;

/// The number of pieces that may wait. It bounds the memory of an upload.
const WAITING: usize = 8;

/// An uncompressed tar archive in pieces.
pub type ArchiveStream<'a> = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send + 'a>>;

/// A directory of the host that goes into a container.
#[derive(Clone)]
pub struct Tree {
    /// The directory, opened once.
    pub root: Arc<OpenDir>,
    /// The filter that leaves files out.
    pub filter: Arc<Filter>,
    /// The modification time of every entry without another one, in seconds since 1970.
    pub mtime: u64,
    /// The attributes that files keep.
    pub keep: archive::Keep,
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree")
            .field("root", &self.root.path())
            .finish_non_exhaustive()
    }
}

impl Tree {
    /// Returns the tree as an archive. Its own thread writes it, waits for the consumer of the pieces, and ends when
    /// the stream is dropped.
    #[must_use]
    pub fn into_archive(self) -> ArchiveStream<'static> {
        pieces_of(move |out| archive::write_tree(&self.root, &self.options(), out).map(drop))
    }

    fn options(&self) -> archive::TreeOptions<'_> {
        archive::TreeOptions {
            filter: &self.filter,
            mtime: self.mtime,
            keep: self.keep,
            prefix: "",
        }
    }

    /// Copies the tree into an empty directory. Blocks until that is done or cancelled.
    ///
    /// # Errors
    /// When it is cancelled, the tree can't be read, or the directory can't be written; it may contain a part of the tree then.
    pub fn copy_into(self, dir: &Path, cancel: &CancelToken) -> io::Result<()> {
        let dir = &Dir::open_ambient_dir(dir, ambient_authority())?;
        let (reader, writer) = io::pipe()?;
        thread::scope(|scope| {
            let (root, options) = (&self.root, self.options());
            let written = scope.spawn(move || {
                let out = Cancellable { writer, cancel };
                archive::write_tree(root, &options, &mut BufWriter::with_capacity(PIECE, out))
            });
            let mut archive = BufReader::with_capacity(PIECE, reader);
            let unpacked = archive::unpack(&mut archive, dir, &Limits::default());
            drop(archive);
            let panicked = |_| Err(io::Error::other("a worker thread panicked"));
            let written = written.join().unwrap_or_else(panicked);
            match (written, unpacked) {
                // The consumer has failed; its error is the reason.
                (Err(err), Err(reason)) if err.kind() == io::ErrorKind::BrokenPipe => {
                    Err(io::Error::other(reason))
                }
                (Err(err), _) => Err(err),
                (Ok(_), unpacked) => unpacked.map(drop).map_err(io::Error::other),
            }
        })
    }
}

/// A writer that fails after a cancellation.
struct Cancellable<'a, W> {
    writer: W,
    cancel: &'a CancelToken,
}

impl<W: Write> Write for Cancellable<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.cancel
            .check()
            .map_err(|reason| io::Error::other(EngineError::from(reason)))?;
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Runs `write` on its own thread and streams its output.
pub fn pieces_of(
    write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
) -> ArchiveStream<'static> {
    let (sender, receiver) = futures_channel::mpsc::channel(WAITING);
    std::thread::spawn(move || {
        let mut out = Pieces {
            sender,
            piece: Vec::with_capacity(PIECE),
        };
        let written = write(&mut out).and_then(|()| out.flush());
        if let Err(err) = written {
            // The error does not matter if the receiver is gone.
            let _ = out.send(Err(err));
        }
    });
    receiver.boxed()
}

struct Pieces {
    sender: futures_channel::mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Pieces {
    fn send(&mut self, piece: io::Result<Bytes>) -> io::Result<()> {
        let sent = block_on(self.sender.send(piece));
        sent.map_err(|_| {
            io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the receiver of the archive is gone",
            )
        })
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..count]);
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.send(Ok(piece.into()))
    }
}

/// Waits for a future on this thread, which is parked meanwhile.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

/// Runs blocking work on its own thread and waits for it without blocking.
///
/// # Errors
/// When the work panicked.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = futures_channel::oneshot::channel();
    std::thread::spawn(move || sender.send(work()));
    receiver
        .await
        .map_err(|_| io::Error::other("a worker thread panicked"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_arrive_in_order_before_the_error() {
        let stream = pieces_of(|out| {
            for number in 0..200_000_u32 {
                out.write_all(&number.to_be_bytes())?;
            }
            out.flush()?;
            Err(io::Error::other("broken"))
        });
        let mut pieces = pollster::block_on(stream.collect::<Vec<_>>());
        assert_eq!(pieces.pop().unwrap().unwrap_err().to_string(), "broken");
        let bytes: Vec<u8> = pieces.into_iter().flat_map(Result::unwrap).collect();
        let numbers = bytes
            .chunks(4)
            .map(|four| u32::from_be_bytes(four.try_into().unwrap()));
        assert!(numbers.eq(0..200_000));
    }

    #[test]
    fn writer_stops_when_the_stream_is_dropped() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let stream = pieces_of(move |out| {
            let outcome = std::iter::repeat_with(|| out.write_all(&[0; 1024])).find(Result::is_err);
            sender.send(()).unwrap();
            outcome.unwrap_or(Ok(()))
        });
        drop(stream);
        receiver.recv().unwrap();
    }
}
