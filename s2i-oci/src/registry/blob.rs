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

use super::{
    Registry,
    auth::Scope,
    error::{Failure, Found, RegistryError, Trouble},
    pace::Pace,
    partial::{Partial, joined},
    pull::text,
    remote::Remote,
};
use crate::manifest::Descriptor;

const OPERATION: &str = "download a blob of";

impl Registry {
    /// Downloads a blob into the file `to`, from mirrors first, and verifies length and digest.
    ///
    /// A file that is there is taken for the beginning of the blob, and the download goes on behind
    /// it; if it turns out not to be, everything is downloaded. A download that failed or was
    /// dropped leaves what it has for the next one; content that is wrong is removed. Only one
    /// download at a time may write to a file, and none makes it durable.
    ///
    /// `progress` gets the number of bytes that are there by now. It goes down when the download
    /// has to begin again.
    ///
    /// # Errors
    /// [`Digest`](RegistryError::Digest) when the registry has other content by that name,
    /// [`File`](RegistryError::File), and whatever can go wrong on the way.
    pub async fn blob(
        &self,
        image: &ImageRef,
        blob: &Descriptor,
        to: &Path,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), RegistryError> {
        for mirror in self.mirrors(image) {
            match mirror.download(blob, to, progress).await {
                Ok(()) => return Ok(()),
                Err(err @ RegistryError::File { .. }) => return Err(err),
                Err(err) => mirror.failed_as_mirror(&err),
            }
        }
        self.origin(image)?.download(blob, to, progress).await
    }

    /// [Downloads](Self::blob) several blobs, some of them [at once](super::Options::parallel). The
    /// first failure ends all; files that are named twice are downloaded once.
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

/// What is there after an attempt, and how it went.
type Attempt = (Partial, Result<(), Failure>);

impl Remote {
    async fn download(
        &self,
        blob: &Descriptor,
        to: &Path,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), RegistryError> {
        let mut backoff = self.backoff();
        let mut partial = Partial::open(to, blob.size).await?;
        // What was lost and came again is no gain: else losing and gaining could go on without end.
        let mut most = partial.size();
        loop {
            let ended;
            (partial, ended) = self.attempt(partial, blob, progress).await?;
            backoff.gained(partial.size().saturating_sub(most));
            most = most.max(partial.size());
            let failure = match ended {
                Ok(()) => {
                    let found = partial.digest();
                    let Err(wrong) = self.check_digest(blob.digest, found) else {
                        progress(blob.size);
                        return Ok(());
                    };
                    let was_old = partial.is_old;
                    partial = partial.clear().await?;
                    // Who knows what was there before.
                    if was_old {
                        continue;
                    }
                    wrong.into()
                }
                Err(failure) => failure,
            };
            if matches!(failure, Failure::Final(RegistryError::Digest { .. })) {
                discard(to);
            }
            backoff.wait(failure).await?;
        }
    }

    /// Asks for what is missing, and receives as much of it as comes.
    async fn attempt(
        &self,
        partial: Partial,
        blob: &Descriptor,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Attempt, RegistryError> {
        if partial.size() == blob.size {
            return Ok((partial, Ok(())));
        }
        let answer = match self.ask(&partial, blob).await {
            Ok(answer) => answer,
            Err(failure) => return Ok((partial, Err(failure))),
        };
        match answer.status() {
            StatusCode::PARTIAL_CONTENT if start(answer.headers()) == Some(partial.size()) => {
                self.receive(partial, answer, blob, progress).await
            }
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                let error = self.trouble(OPERATION, Trouble::OtherPart);
                Ok((partial.clear().await?, Err(Failure::again(error))))
            }
            // All of it, whatever was asked for.
            _ => {
                let partial = partial.clear().await?;
                self.receive(partial, answer, blob, progress).await
            }
        }
    }

    async fn ask(&self, partial: &Partial, blob: &Descriptor) -> Result<Response, Failure> {
        let url = self.url(&format!("blobs/{}", blob.digest)).await?;
        let mut headers = HeaderMap::new();
        if partial.size() > 0 {
            let range = format!("bytes={}-", partial.size());
            let range = HeaderValue::from_str(&range).expect("digits are fit for a header");
            headers.insert(RANGE, range);
        }
        let scope = Scope::pull(&self.repository);
        let answer = self
            .send(Method::GET, url, headers, &scope, OPERATION)
            .await?;
        if answer.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            return Ok(answer);
        }
        self.check(answer, &scope, OPERATION).await
    }

    /// Puts what comes into the file.
    async fn receive(
        &self,
        partial: Partial,
        mut answer: Response,
        blob: &Descriptor,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Attempt, RegistryError> {
        let size = blob.size;
        let mut got = partial.size();
        progress(got);
        let (sender, filling) = partial.fill();
        let mut pace = Pace::new(self.host.least_rate);
        let ended = loop {
            let bytes = match self.chunk(&mut answer, &mut pace, OPERATION).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) if got == size => break Ok(()),
                Ok(None) => {
                    let error = self.trouble(OPERATION, Trouble::Short { got, size });
                    break Err(Failure::again(error));
                }
                Err(failure) => break Err(failure),
            };
            got += bytes.len() as u64;
            if got > size {
                let found = Found::Size {
                    expected: size,
                    found: got,
                };
                break Err(self.wrong(blob.digest, found).into());
            }
            if sender.send(bytes).await.is_err() {
                // The file can't be written; its error follows.
                break Ok(());
            }
            progress(got);
        };
        drop(sender);
        Ok((joined(filling).await?, ended))
    }
}

/// Where a part begins: the first number in `bytes 5-9/10`.
fn start(headers: &HeaderMap) -> Option<u64> {
    let range = text(headers, CONTENT_RANGE.as_str())?;
    let (start, _) = range.strip_prefix("bytes ")?.split_once('-')?;
    start.parse().ok()
}

/// Removes a file whose content is of no use. One that can't be removed is emptied by the next
/// download.
fn discard(path: &Path) {
    let _ = std::fs::remove_file(path);
}
