//! A reader of an archive that arrives as a stream.

use std::io::{self, Read};

use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;

use crate::stream::{ArchiveStream, blocking};

/// The number of pieces that may wait; it bounds the memory.
const WAITING: usize = 4;

/// A reader of an archive that arrives as a stream, for another thread than that of the stream.
pub struct ArchiveReader {
    receiver: std::sync::mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl ArchiveReader {
    /// Returns a future that forwards the stream, and the reader that waits for it.
    pub fn new(mut archive: ArchiveStream<'_>) -> (impl Future<Output = ()> + Send + '_, Self) {
        let (sender, receiver) = std::sync::mpsc::sync_channel(WAITING);
        let forward = async move {
            while let Some(piece) = archive.next().await {
                let sender = sender.clone();
                // The channel blocks while it is full, and the runtime must not.
                let sent = blocking(move || sender.send(piece)).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
        };
        let piece = Bytes::new();
        (forward, Self { receiver, piece })
    }
}

impl Read for ArchiveReader {
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
