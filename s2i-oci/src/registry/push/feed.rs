//! The body of an upload: a blob that is read while it is sent.

use std::{
    io::{self, Read},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use tokio::sync::mpsc;

/// Opens a blob at its beginning. It may be called several times, on any thread.
pub type OpenBlob = Arc<dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync>;

/// The number of bytes that are read at once.
const PIECE: usize = 64 * 1024;
/// The number of pieces that are read ahead.
const AHEAD: usize = 8;

/// The state of the reader of a blob.
#[derive(Default)]
pub(super) struct Feed {
    sent: AtomicU64,
    error: Mutex<Option<io::Error>>,
}

impl Feed {
    /// Returns the blob as a stream, which is read on a thread for blocking work.
    pub(super) fn open(
        self: &Arc<Self>,
        open: &OpenBlob,
        size: u64,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let (open, feed) = (Arc::clone(open), Arc::clone(self));
        tokio::task::spawn_blocking(move || {
            if let Err(err) = read(&open, size, &sender) {
                // reqwest does not keep errors of bodies apart from those of connections.
                let kind = err.kind();
                *feed.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(err);
                let _ = sender.blocking_send(Err(kind.into()));
            }
        });
        let feed = Arc::clone(self);
        stream::unfold((receiver, feed), async |(mut receiver, feed)| {
            let piece: io::Result<Bytes> = receiver.recv().await?;
            let length = piece.as_ref().map_or(0, Bytes::len);
            feed.sent.fetch_add(length as u64, Ordering::Relaxed);
            Some((piece, (receiver, feed)))
        })
    }

    /// The number of bytes that went into the connection.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Takes the error of the reader, if there was one.
    pub(super) fn error(&self) -> Option<io::Error> {
        let mut error = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        error.take()
    }
}

/// Sends the whole blob, which must be `size` bytes long, until the receiver is dropped.
fn read(open: &OpenBlob, size: u64, to: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let mut reader = open()?.take(size.saturating_add(1));
    let mut left = size;
    loop {
        let mut piece = vec![0; PIECE];
        let length = match reader.read(&mut piece) {
            Ok(length) => length,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
            Err(err) => return Err(err),
        };
        if length == 0 && left == 0 {
            return Ok(());
        }
        if length == 0 || length as u64 > left {
            let text = format!("it is not {size} bytes long");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        left -= length as u64;
        piece.truncate(length);
        if to.blocking_send(Ok(piece.into())).is_err() {
            return Ok(());
        }
    }
}
