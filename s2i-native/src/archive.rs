//! An archive that arrives piece by piece, for code that reads.

use std::io::{self, Read};

use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use s2i_build::stream::ArchiveStream;

/// How many pieces may wait: what bounds the memory.
const WAITING: usize = 4;

/// The reader's end.
pub(crate) struct Pieces {
    receiver: std::sync::mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Pieces {
    /// The two ends: a future that feeds, and a reader for another thread, which waits for it.
    pub(crate) fn of(archive: ArchiveStream<'static>) -> (impl Future<Output = ()>, Self) {
        let (sender, receiver) = std::sync::mpsc::sync_channel(WAITING);
        let mut archive = archive;
        let feed = async move {
            while let Some(piece) = archive.next().await {
                let sender = sender.clone();
                // The channel blocks while it is full, and the runtime must not.
                let sent = s2i_build::stream::blocking(move || sender.send(piece)).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
        };
        let pieces = Self {
            receiver,
            piece: Bytes::new(),
        };
        (feed, pieces)
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.recv() {
                Ok(piece) => self.piece = piece?,
                Err(_) => return Ok(0),
            }
        }
        let count = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
