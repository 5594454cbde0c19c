//! Uploads of blobs.

use std::{fmt, sync::Arc, time::Duration};

use reqwest::{
    Body, Method, Request, Response, StatusCode, Url,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION},
};
use tokio::time::Instant;

use super::feed::{Feed, OpenBlob};
use crate::{
    manifest::Descriptor,
    registry::{
        error::{AttemptError, ProtocolError, RegistryError},
        http::header_text,
        operation::Operation,
        repository::Repository,
    },
};

/// The time between two looks at the progress of an upload.
const TICK: Duration = Duration::from_millis(100);
/// The time that a registry may take to store a blob, in multiples of the time that nothing may move.
const STORING: u32 = 5;

/// A blob to push.
#[derive(Clone)]
pub struct PushBlob {
    /// The descriptor of the blob.
    pub descriptor: Descriptor,
    /// The function that opens it, called only if the registry lacks it.
    pub open: OpenBlob,
}

impl fmt::Debug for PushBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("PushBlob");
        shown.field("descriptor", &self.descriptor);
        shown.finish_non_exhaustive()
    }
}

/// The result of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UploadOutcome {
    /// The repository had the blob.
    Existing,
    /// The registry took it from another repository.
    Mounted,
    /// It was sent.
    Sent,
}

/// The upload of one blob.
pub(super) struct Upload<'a> {
    repository: &'a Repository,
    blob: &'a PushBlob,
    mounts: &'a [String],
    operation: Operation,
    progress: &'a (dyn Fn(&Descriptor, u64) + Send + Sync),
}

impl<'a> Upload<'a> {
    pub(super) fn new(
        repository: &'a Repository,
        blob: &'a PushBlob,
        mounts: &'a [String],
        progress: &'a (dyn Fn(&Descriptor, u64) + Send + Sync),
    ) -> Self {
        Self {
            repository,
            blob,
            mounts,
            operation: repository.push_operation("upload a blob to", mounts),
            progress,
        }
    }

    /// Makes sure that the repository has the blob.
    pub(super) async fn run(&self) -> Result<UploadOutcome, RegistryError> {
        self.repository.backoff().retry(|| self.attempt()).await
    }

    async fn attempt(&self) -> Result<UploadOutcome, AttemptError> {
        if self.is_there().await? {
            return Ok(UploadOutcome::Existing);
        }
        match self.begin().await? {
            None => Ok(UploadOutcome::Mounted),
            Some(location) => {
                self.send(location).await?;
                Ok(UploadOutcome::Sent)
            }
        }
    }

    /// Returns whether the repository has the blob.
    async fn is_there(&self) -> Result<bool, AttemptError> {
        let (host, digest) = (&self.repository.host, self.blob.descriptor.digest);
        let path = format!("blobs/{digest}");
        let request = self.repository.request(Method::HEAD, &path).await?;
        let response = host.send(request, &self.operation).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        // Only an existing blob redirects to a storage service, whose response to this method does not matter.
        if !host.is_own(response.url()).await? {
            return Ok(true);
        }
        host.check(response, &self.operation).await.map(|_| true)
    }

    /// Asks the registry to mount the blob from one of the other repositories, or to open an upload. Returns the
    /// location of the upload, or `None` for a blob that was mounted.
    async fn begin(&self) -> Result<Option<Url>, AttemptError> {
        for (at, from) in self.mounts.iter().enumerate() {
            let digest = self.blob.descriptor.digest.to_string();
            let query = [("mount", digest.as_str()), ("from", from)];
            let Ok(response) = self.post(&query).await else {
                continue;
            };
            if response.status() == StatusCode::CREATED {
                return Ok(None);
            }
            let location = self.location(&response)?;
            if at + 1 == self.mounts.len() {
                return Ok(Some(location));
            }
            // An upload that is not used would also be dropped in time.
            let request = Request::new(Method::DELETE, location);
            let _ = self.repository.host.send(request, &self.operation).await;
        }
        let response = self.post(&[]).await?;
        Ok(Some(self.location(&response)?))
    }

    async fn post(&self, query: &[(&str, &str)]) -> Result<Response, AttemptError> {
        let (repository, path) = (self.repository, "blobs/uploads/");
        let mut request = repository.request(Method::POST, path).await?;
        if !query.is_empty() {
            request.url_mut().query_pairs_mut().extend_pairs(query);
        }
        request.headers_mut().insert(CONTENT_LENGTH, 0.into());
        let response = repository.host.send(request, &self.operation).await?;
        repository.host.check(response, &self.operation).await
    }

    fn location(&self, response: &Response) -> Result<Url, RegistryError> {
        let location = header_text(response.headers(), LOCATION);
        let location = location.and_then(|location| response.url().join(location).ok());
        let location = location.ok_or_else(|| self.operation.error(ProtocolError::NoLocation))?;
        if self.repository.host.http.trust.allows(&location) {
            return Ok(location);
        }
        let host = location.host_str().unwrap_or_default().to_owned();
        Err(self.operation.error(ProtocolError::NotEncrypted(host)))
    }

    /// Sends the blob in one request.
    async fn send(&self, mut location: Url) -> Result<(), AttemptError> {
        let (host, operation) = (&self.repository.host, &self.operation);
        let Descriptor { digest, size, .. } = self.blob.descriptor;
        location
            .query_pairs_mut()
            .append_pair("digest", &digest.to_string());
        let mut request = Request::new(Method::PUT, location);
        let used = host.authorize(&mut request, operation).await?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_LENGTH, size.into());
        let content_type = HeaderValue::from_static("application/octet-stream");
        headers.insert(CONTENT_TYPE, content_type);
        let feed = Arc::new(Feed::default());
        *request.body_mut() = Some(Body::wrap_stream(feed.open(&self.blob.open, size)));
        let watched = self.watch(request, &feed).await;
        let response = watched.map_err(|err| match feed.error() {
            Some(source) => {
                let blob = digest;
                RegistryError::Source { blob, source }.into()
            }
            None => err,
        })?;
        let is_refused = response.status() == StatusCode::UNAUTHORIZED;
        if is_refused && host.is_own(response.url()).await? {
            // The token has expired; a body can't be sent again, but an upload can.
            let (headers, used) = (response.headers(), used.as_ref());
            let answer = host.auth.answer(&host.http, headers, used, operation);
            answer.await?;
            return Err(AttemptError::retryable(host.auth.denied(operation).await));
        }
        host.check(response, operation).await.map(drop)
    }

    /// Sends a request as long as bytes of its body move.
    async fn watch(&self, request: Request, feed: &Feed) -> Result<Response, AttemptError> {
        let (http, blob) = (&self.repository.host.http, &self.blob.descriptor);
        let (mut seen, mut since) = (0, Instant::now());
        let mut sending = std::pin::pin!(http.client.execute(request));
        loop {
            if let Ok(sent) = tokio::time::timeout(TICK, &mut sending).await {
                return sent.map_err(|err| http.request_error(err, &self.operation));
            }
            let sent = feed.sent();
            let limit = http.stall * if sent == blob.size { STORING } else { 1 };
            if sent != seen {
                (seen, since) = (sent, Instant::now());
                (self.progress)(blob, sent);
            } else if since.elapsed() >= limit {
                return Err(self.operation.retryable(ProtocolError::Stalled(limit)));
            }
        }
    }
}
