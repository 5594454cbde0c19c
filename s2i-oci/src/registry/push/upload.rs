//! Uploads of blobs.

use std::{sync::Arc, time::Duration};

use reqwest::{
    Body, Method, Request, Response, StatusCode, Url,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION},
};
use tokio::time::Instant;

use super::{blob::PushBlob, feed::Feed};
use crate::{
    Digest,
    manifest::Descriptor,
    registry::{
        error::{AttemptError, ProtocolError, RegistryError},
        http::{header_text, is_allowed},
        operation::Operation,
        repository::Repository,
    },
};

/// The time between two looks at the progress of an upload.
const TICK: Duration = Duration::from_millis(100);
/// The time that a registry may take to store a blob, in multiples of the time that nothing may move.
const STORING: u32 = 5;

/// The way of a blob into a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upload {
    /// The repository had the blob.
    Existing,
    /// The registry took it from another repository.
    Mounted,
    /// It was sent.
    Sent,
}

impl Repository {
    /// Makes sure that the repository has the blob.
    pub(super) async fn upload(
        &self,
        blob: &PushBlob,
        mounts: &[String],
        progress: &(dyn Fn(&Descriptor, u64) + Send + Sync),
    ) -> Result<Upload, RegistryError> {
        let operation = self.push_operation("upload a blob to", mounts);
        let mut backoff = self.backoff();
        loop {
            match self.upload_once(blob, mounts, &operation, progress).await {
                Ok(upload) => return Ok(upload),
                Err(err) => backoff.wait(err).await?,
            }
        }
    }

    async fn upload_once(
        &self,
        blob: &PushBlob,
        mounts: &[String],
        operation: &Operation,
        progress: &(dyn Fn(&Descriptor, u64) + Send + Sync),
    ) -> Result<Upload, AttemptError> {
        let digest = blob.descriptor.digest;
        if self.has(digest, operation).await? {
            return Ok(Upload::Existing);
        }
        match self.begin(digest, mounts, operation).await? {
            None => Ok(Upload::Mounted),
            Some(location) => {
                self.send_blob(location, blob, operation, progress).await?;
                Ok(Upload::Sent)
            }
        }
    }

    /// Returns whether the repository has the blob.
    async fn has(&self, digest: Digest, operation: &Operation) -> Result<bool, AttemptError> {
        let path = format!("blobs/{digest}");
        let request = self.request(Method::HEAD, &path).await?;
        let response = self.host.send(request, operation).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        // Only an existing blob leads to a storage service, whatever that answers to this method.
        if !self.host.is_own(response.url()).await? {
            return Ok(true);
        }
        self.host.check(response, operation).await.map(|_| true)
    }

    /// Asks the registry to mount the blob from one of the other repositories, or to open an upload. Returns the
    /// location of the upload, or `None` for a blob that was mounted.
    async fn begin(
        &self,
        digest: Digest,
        mounts: &[String],
        operation: &Operation,
    ) -> Result<Option<Url>, AttemptError> {
        for (at, from) in mounts.iter().enumerate() {
            let digest = digest.to_string();
            let query = [("mount", digest.as_str()), ("from", from)];
            let Ok(response) = self.post_upload(&query, operation).await else {
                continue;
            };
            if response.status() == StatusCode::CREATED {
                return Ok(None);
            }
            let location = self.location(&response, operation)?;
            if at + 1 == mounts.len() {
                return Ok(Some(location));
            }
            // An upload that is not used would also be dropped in time.
            let request = Request::new(Method::DELETE, location);
            let _ = self.host.send(request, operation).await;
        }
        let response = self.post_upload(&[], operation).await?;
        Ok(Some(self.location(&response, operation)?))
    }

    async fn post_upload(
        &self,
        query: &[(&str, &str)],
        operation: &Operation,
    ) -> Result<Response, AttemptError> {
        let mut request = self.request(Method::POST, "blobs/uploads/").await?;
        if !query.is_empty() {
            request.url_mut().query_pairs_mut().extend_pairs(query);
        }
        request.headers_mut().insert(CONTENT_LENGTH, 0.into());
        let response = self.host.send(request, operation).await?;
        self.host.check(response, operation).await
    }

    fn location(&self, response: &Response, operation: &Operation) -> Result<Url, RegistryError> {
        let location = header_text(response.headers(), LOCATION);
        let location = location.and_then(|location| response.url().join(location).ok());
        let location = location.ok_or_else(|| operation.error(ProtocolError::NoLocation))?;
        if is_allowed(&location, self.host.http.is_loopback) {
            return Ok(location);
        }
        let host = location.host_str().unwrap_or_default().to_owned();
        Err(operation.error(ProtocolError::NotEncrypted(host)))
    }

    /// Sends the blob in one request.
    async fn send_blob(
        &self,
        mut location: Url,
        blob: &PushBlob,
        operation: &Operation,
        progress: &(dyn Fn(&Descriptor, u64) + Send + Sync),
    ) -> Result<(), AttemptError> {
        let Descriptor { digest, size, .. } = blob.descriptor;
        location
            .query_pairs_mut()
            .append_pair("digest", &digest.to_string());
        let mut request = Request::new(Method::PUT, location);
        let used = self.host.authorize(&mut request, operation).await?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_LENGTH, size.into());
        let content_type = HeaderValue::from_static("application/octet-stream");
        headers.insert(CONTENT_TYPE, content_type);
        let feed = Arc::new(Feed::default());
        *request.body_mut() = Some(Body::wrap_stream(feed.open(&blob.open, size)));
        let report = |sent| progress(&blob.descriptor, sent);
        let watched = self.watch(request, &feed, size, operation, &report).await;
        let response = watched.map_err(|err| match feed.error() {
            Some(source) => {
                let blob = digest;
                RegistryError::Source { blob, source }.into()
            }
            None => err,
        })?;
        let is_refused = response.status() == StatusCode::UNAUTHORIZED;
        if is_refused && self.host.is_own(response.url()).await? {
            // The token has expired; a body can't be sent again, but an upload can.
            let (http, auth) = (&self.host.http, &self.host.auth);
            auth.answer(http, response.headers(), used.as_ref(), operation)
                .await?;
            return Err(AttemptError::retryable(auth.denied(operation).await));
        }
        self.host.check(response, operation).await.map(drop)
    }

    /// Sends a request as long as bytes of its body move.
    async fn watch(
        &self,
        request: Request,
        feed: &Feed,
        size: u64,
        operation: &Operation,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Response, AttemptError> {
        let http = &self.host.http;
        let (mut seen, mut since) = (0, Instant::now());
        let mut sending = std::pin::pin!(http.client.execute(request));
        loop {
            if let Ok(sent) = tokio::time::timeout(TICK, &mut sending).await {
                return sent.map_err(|err| http.failed(err, operation));
            }
            let sent = feed.sent();
            let limit = http.stall * if sent == size { STORING } else { 1 };
            if sent != seen {
                (seen, since) = (sent, Instant::now());
                progress(sent);
            } else if since.elapsed() >= limit {
                return Err(operation.retryable(ProtocolError::Stalled(limit)));
            }
        }
    }
}
