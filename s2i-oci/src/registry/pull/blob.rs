//! Downloads of blobs into files.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use reqwest::{
    Method, Response, StatusCode,
    header::{CONTENT_RANGE, HeaderMap, HeaderValue, RANGE},
};
use s2i_core::ImageRef;

use super::partial::{Partial, joined};
use crate::{
    manifest::Descriptor,
    registry::{
        client::Registry,
        error::{AttemptError, ProtocolError, RegistryError},
        http::{Pace, header_text},
        operation::Operation,
        repository::Repository,
    },
};

impl Registry {
    /// Downloads a blob into the file `to`, from mirrors first, and verifies its length and digest.
    ///
    /// An existing file is taken for the beginning of the blob, and the download continues behind it; if it turns out
    /// not to be, everything is downloaded. A download that failed or was dropped leaves its part for the next one;
    /// wrong content is removed. Only one download at a time may write to a file, and none makes it durable.
    ///
    /// `progress` gets the number of bytes in the file. It decreases when the download starts again.
    ///
    /// # Errors
    /// [`Digest`](RegistryError::Digest) when the content is another one, [`File`](RegistryError::File), and other
    /// failures of requests.
    pub async fn blob(
        &self,
        image: &ImageRef,
        blob: &Descriptor,
        to: &Path,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), RegistryError> {
        for mirror in self.mirrors(image) {
            match Download::new(&mirror, blob, progress).run(to).await {
                Ok(()) => return Ok(()),
                Err(err @ RegistryError::File { .. }) => return Err(err),
                Err(err) => mirror.failed_as_mirror(&err),
            }
        }
        let origin = self.origin(image)?;
        Download::new(&origin, blob, progress).run(to).await
    }

    /// [Downloads](Self::blob) several blobs, some of them [at once](crate::registry::Options::parallel). The first
    /// failure ends all; files that are named twice are downloaded once.
    ///
    /// # Errors
    /// See [`blob`](Self::blob).
    pub async fn blobs(
        &self,
        image: &ImageRef,
        blobs: &[(Descriptor, PathBuf)],
        progress: &(dyn Fn(&Descriptor, u64) + Send + Sync),
    ) -> Result<(), RegistryError> {
        let mut files = BTreeSet::new();
        let mut downloads = Vec::new();
        for (blob, to) in blobs.iter().filter(|(_, to)| files.insert(to)) {
            downloads.push(async move {
                let progress = |bytes| progress(blob, bytes);
                self.blob(image, blob, to, &progress).await
            });
        }
        stream::iter(downloads)
            .buffer_unordered(self.parallel())
            .try_collect()
            .await
    }
}

/// The file after an attempt, and the result of the attempt.
type Attempt = (Partial, Result<(), AttemptError>);

/// The download of one blob.
pub(super) struct Download<'a> {
    pub(super) repository: &'a Repository,
    pub(super) blob: &'a Descriptor,
    pub(super) operation: Operation,
    progress: &'a (dyn Fn(u64) + Send + Sync),
}

impl<'a> Download<'a> {
    pub(super) fn new(
        repository: &'a Repository,
        blob: &'a Descriptor,
        progress: &'a (dyn Fn(u64) + Send + Sync),
    ) -> Self {
        Self {
            repository,
            blob,
            operation: repository.pull_operation("download a blob of"),
            progress,
        }
    }

    async fn run(&self, to: &Path) -> Result<(), RegistryError> {
        let (blob, mut backoff) = (self.blob, self.repository.backoff());
        let mut partial = Partial::open(to, blob.size).await?;
        // Bytes that were lost and came again do not count as progress: else the attempts could go on without end.
        let mut most = partial.size();
        loop {
            let ended;
            (partial, ended) = self.attempt(partial).await?;
            backoff.gained(partial.size().saturating_sub(most));
            most = most.max(partial.size());
            let err = match ended {
                Ok(()) => {
                    let found = partial.digest();
                    let Err(mismatch) = self.repository.check_digest(blob.digest, found) else {
                        (self.progress)(blob.size);
                        return Ok(());
                    };
                    let was_old = partial.is_old;
                    partial = partial.clear().await?;
                    // The wrong part may be the one from before.
                    if was_old {
                        continue;
                    }
                    mismatch.into()
                }
                Err(err) => err,
            };
            if matches!(err, AttemptError::Final(RegistryError::Digest { .. })) {
                // A file that can't be removed is emptied by the next download.
                let _ = std::fs::remove_file(to);
            }
            backoff.wait(err).await?;
        }
    }

    /// Requests the missing part, and receives as much of it as comes.
    async fn attempt(&self, partial: Partial) -> Result<Attempt, RegistryError> {
        if partial.size() == self.blob.size {
            return Ok((partial, Ok(())));
        }
        let response = match self.request(partial.size()).await {
            Ok(response) => response,
            Err(err) => return Ok((partial, Err(err))),
        };
        let partial = match response.status() {
            StatusCode::PARTIAL_CONTENT if start(response.headers()) == Some(partial.size()) => {
                partial
            }
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                let err = self.operation.retryable(ProtocolError::Range);
                return Ok((partial.clear().await?, Err(err)));
            }
            // The response is the whole blob, even if a part was requested.
            _ => partial.clear().await?,
        };
        self.receive(partial, response).await
    }

    /// Requests the part of the blob from this byte on.
    pub(super) async fn request(&self, from: u64) -> Result<Response, AttemptError> {
        let (host, path) = (&self.repository.host, format!("blobs/{}", self.blob.digest));
        let mut request = self.repository.request(Method::GET, &path).await?;
        if from > 0 {
            let range = HeaderValue::from_str(&format!("bytes={from}-"));
            let range = range.expect("digits are fit for a header");
            request.headers_mut().insert(RANGE, range);
        }
        let response = host.send(request, &self.operation).await?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            return Ok(response);
        }
        host.check(response, &self.operation).await
    }

    /// Writes the body of a response into the file.
    async fn receive(
        &self,
        partial: Partial,
        mut response: Response,
    ) -> Result<Attempt, RegistryError> {
        let (http, operation, size) = (&self.repository.host.http, &self.operation, self.blob.size);
        let mut got = partial.size();
        (self.progress)(got);
        let (sender, filling) = partial.fill();
        let mut pace = Pace::new(http.least_rate);
        let ended = loop {
            let bytes = match http.chunk(&mut response, &mut pace, operation).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) if got == size => break Ok(()),
                Ok(None) => {
                    break Err(operation.retryable(ProtocolError::Short { got, size }));
                }
                Err(err) => break Err(err),
            };
            got += bytes.len() as u64;
            if got > size {
                let checked = self.repository.check_size(self.blob, got);
                break checked.map_err(AttemptError::from);
            }
            if sender.send(bytes).await.is_err() {
                // The file can't be written; its error follows.
                break Ok(());
            }
            (self.progress)(got);
        };
        drop(sender);
        Ok((joined(filling).await?, ended))
    }
}

/// Returns the start of a part: the first number in `bytes 5-9/10`.
pub(super) fn start(headers: &HeaderMap) -> Option<u64> {
    let range = header_text(headers, CONTENT_RANGE)?;
    let (start, _) = range.strip_prefix("bytes ")?.split_once('-')?;
    start.parse().ok()
}
