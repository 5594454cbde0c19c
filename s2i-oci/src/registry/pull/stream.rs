//! Blobs as streams, which are copied from one registry to another and never stored.

use std::{
    io::{self, Read, Write as _},
    sync::Arc,
};

use bytes::{Buf as _, Bytes};
use reqwest::StatusCode;
use s2i_core::ImageRef;
use tokio::{runtime::Handle, sync::mpsc};

use super::blob::{Download, start};
use crate::{
    Digest, HashingWriter,
    manifest::Descriptor,
    registry::{
        client::Registry,
        error::{AttemptError, Mismatch, ProtocolError, RegistryError},
        http::Pace,
        push::OpenBlob,
    },
};

/// The number of pieces that are received ahead.
const AHEAD: usize = 16;

/// The channel into which pieces of a blob are sent.
type Pieces = mpsc::Sender<Result<Bytes, RegistryError>>;

impl Registry {
    /// Returns a blob of the image's repository as the source of a [`PushBlob`](crate::registry::PushBlob) or of an
    /// archive. Each reader downloads it, from mirrors first, without storing it; a download that is cut or stalls is
    /// resumed.
    ///
    /// A reader gets the last bytes only if the whole has the blob's length and digest, so a push of other content
    /// never completes. Readers block, so they must not be used on a thread that drives the runtime.
    ///
    /// # Panics
    /// The caller is not in the context of a tokio runtime. The downloads happen on this runtime.
    #[must_use]
    pub fn remote_blob(self: &Arc<Self>, image: &ImageRef, blob: &Descriptor) -> OpenBlob {
        let runtime = Handle::current();
        let (registry, image, blob) = (Arc::clone(self), image.clone(), blob.clone());
        Arc::new(move || {
            let (sender, receiver) = mpsc::channel(AHEAD);
            let reader = RemoteBlob {
                image: image.clone(),
                receiver,
                piece: Bytes::new(),
                left: blob.size,
                expected: blob.digest,
                hash: HashingWriter::new(io::sink()),
            };
            let (registry, image, blob) = (Arc::clone(&registry), image.clone(), blob.clone());
            runtime.spawn(async move {
                if let Err(err) = registry.stream(&image, &blob, &sender).await {
                    // A reader that was dropped has no use for an error.
                    let _ = sender.send(Err(err)).await;
                }
            });
            Ok(Box::new(reader))
        })
    }

    /// Sends a blob piece by piece, until it is complete or the receiver is dropped. A source that fails is followed by
    /// the next one, at the same place.
    async fn stream(
        &self,
        image: &ImageRef,
        blob: &Descriptor,
        to: &Pieces,
    ) -> Result<(), RegistryError> {
        let mut sent = 0;
        for mirror in self.mirrors(image) {
            match Download::new(&mirror, blob, &|_| ())
                .stream(&mut sent, to)
                .await
            {
                Ok(()) => return Ok(()),
                Err(err) => mirror.failed_as_mirror(&err),
            }
        }
        let origin = self.origin(image)?;
        Download::new(&origin, blob, &|_| ())
            .stream(&mut sent, to)
            .await
    }
}

impl Download<'_> {
    /// Sends the rest of the blob after its first `sent` bytes.
    async fn stream(&self, sent: &mut u64, to: &Pieces) -> Result<(), RegistryError> {
        let mut backoff = self.repository.backoff();
        while *sent < self.blob.size {
            let before = *sent;
            match self.stream_once(sent, to).await {
                Ok(()) => break,
                Err(err) => {
                    backoff.gained(*sent - before);
                    backoff.wait(err).await?;
                }
            }
        }
        Ok(())
    }

    async fn stream_once(&self, sent: &mut u64, to: &Pieces) -> Result<(), AttemptError> {
        let (http, operation, size) = (&self.repository.host.http, &self.operation, self.blob.size);
        let mut response = self.request(*sent).await?;
        let mut known = match response.status() {
            StatusCode::PARTIAL_CONTENT if start(response.headers()) == Some(*sent) => 0,
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                return Err(operation.retryable(ProtocolError::Range));
            }
            // The response is the whole blob, even if a part was requested.
            _ => *sent,
        };
        let mut pace = Pace::new(http.least_rate);
        while let Some(mut bytes) = http.chunk(&mut response, &mut pace, operation).await? {
            let length = bytes.len() as u64;
            if length <= known {
                known -= length;
                continue;
            }
            bytes.advance(usize::try_from(known).expect("less than the length of a piece"));
            known = 0;
            *sent += bytes.len() as u64;
            if *sent > size {
                return Ok(self.repository.check_size(self.blob, *sent)?);
            }
            if to.send(Ok(bytes)).await.is_err() {
                return Ok(());
            }
        }
        match *sent {
            got if got == size => Ok(()),
            got => Err(operation.retryable(ProtocolError::Short { got, size })),
        }
    }
}

/// The reader of a blob in a registry.
struct RemoteBlob {
    /// The image that has the blob.
    image: ImageRef,
    receiver: mpsc::Receiver<Result<Bytes, RegistryError>>,
    /// The part of the last piece that was not read yet.
    piece: Bytes,
    /// The number of bytes that were not received yet.
    left: u64,
    expected: Digest,
    hash: HashingWriter<io::Sink>,
}

impl RemoteBlob {
    /// Receives the next piece. The last one is checked with all before it.
    fn receive(&mut self) -> io::Result<()> {
        let piece = match self.receiver.blocking_recv() {
            Some(piece) => piece.map_err(io::Error::other)?,
            // The runtime has ended.
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        };
        self.hash.write_all(&piece)?;
        self.left -= piece.len() as u64;
        if self.left == 0 {
            self.check()?;
        }
        self.piece = piece;
        Ok(())
    }

    fn check(&mut self) -> io::Result<()> {
        let hash = std::mem::replace(&mut self.hash, HashingWriter::new(io::sink()));
        let (_, found, _) = hash.finish();
        if found == self.expected {
            return Ok(());
        }
        let text = format!(
            "the pull of `{}` gave other content: {}",
            self.image,
            Mismatch::Digest(found)
        );
        Err(io::Error::new(io::ErrorKind::InvalidData, text))
    }
}

impl Read for RemoteBlob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() && self.left > 0 && !buffer.is_empty() {
            self.receive()?;
        }
        let length = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
