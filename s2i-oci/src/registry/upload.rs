//! Uploads of blobs.

use std::{
    io::{self, Read},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use reqwest::{
    Body, Method, Request, Response, StatusCode, Url,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION},
};
use tokio::{sync::mpsc, time::Instant};

use super::{
    auth::Scope,
    error::{Failure, RegistryError, Trouble},
    loopback::is_allowed,
    pull::text,
    push::{PushBlob, Source},
    remote::Remote,
};
use crate::{Digest, manifest::Descriptor};

const OPERATION: &str = "upload a blob to";
/// How much is read at once, in bytes.
const PIECE: usize = 64 * 1024;
/// How many pieces are read ahead.
const AHEAD: usize = 8;
/// How often progress is told and stalls are looked for.
const TICK: Duration = Duration::from_millis(100);
/// How many times as long as for a byte a registry may take to put away a blob that it has.
const STORING: u32 = 5;

/// How a blob came to be in a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Existing,
    Mounted,
    Uploaded,
}

/// What the beginning of an upload led to.
enum Begun {
    Mounted,
    /// The blob is to be sent there.
    At(Url),
}

impl Remote {
    /// Sees to it that the repository has the blob.
    pub(super) async fn upload(
        &self,
        blob: &PushBlob,
        mounts: &[String],
        progress: &(dyn Fn(&Descriptor, u64) + Send + Sync),
    ) -> Result<Way, RegistryError> {
        let mut backoff = self.backoff();
        loop {
            match self.upload_once(blob, mounts, progress).await {
                Ok(way) => return Ok(way),
                Err(failure) => backoff.wait(failure).await?,
            }
        }
    }

    async fn upload_once(
        &self,
        blob: &PushBlob,
        mounts: &[String],
        progress: &(dyn Fn(&Descriptor, u64) + Send + Sync),
    ) -> Result<Way, Failure> {
        let scope = Scope::push(&self.repository, mounts);
        let digest = blob.descriptor.digest;
        if self.has(digest, &scope).await? {
            return Ok(Way::Existing);
        }
        match self.begin(digest, mounts, &scope).await? {
            Begun::Mounted => Ok(Way::Mounted),
            Begun::At(location) => {
                self.send_blob(location, blob, &scope, progress).await?;
                Ok(Way::Uploaded)
            }
        }
    }

    /// Whether the blob is there.
    async fn has(&self, digest: Digest, scope: &Scope) -> Result<bool, Failure> {
        let url = self.url(&format!("blobs/{digest}")).await?;
        let answer = self
            .send(Method::HEAD, url, HeaderMap::new(), scope, OPERATION)
            .await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        // Only what is there leads to a storage service, whatever that thinks of this method.
        if !self.host.is_own(answer.url()).await? {
            return Ok(true);
        }
        self.check(answer, scope, OPERATION).await.map(|_| true)
    }

    /// Asks for the blob to be taken from one of the other repositories, or for a place to send it to.
    async fn begin(
        &self,
        digest: Digest,
        mounts: &[String],
        scope: &Scope,
    ) -> Result<Begun, Failure> {
        for (at, from) in mounts.iter().enumerate() {
            let digest = digest.to_string();
            let query = [("mount", digest.as_str()), ("from", from)];
            let Ok(answer) = self.begin_with(&query, scope).await else {
                continue;
            };
            if answer.status() == StatusCode::CREATED {
                return Ok(Begun::Mounted);
            }
            let location = self.location(&answer)?;
            if at + 1 == mounts.len() {
                return Ok(Begun::At(location));
            }
            // A place that is not used is given back, but it would also be forgotten in time.
            let headers = HeaderMap::new();
            let _ = self
                .send(Method::DELETE, location, headers, scope, OPERATION)
                .await;
        }
        let answer = self.begin_with(&[], scope).await?;
        Ok(Begun::At(self.location(&answer)?))
    }

    async fn begin_with(&self, query: &[(&str, &str)], scope: &Scope) -> Result<Response, Failure> {
        let mut url = self.url("blobs/uploads/").await?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let headers = HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from(0))]);
        let answer = self
            .send(Method::POST, url, headers, scope, OPERATION)
            .await?;
        self.check(answer, scope, OPERATION).await
    }

    fn location(&self, answer: &Response) -> Result<Url, RegistryError> {
        let location = text(answer.headers(), LOCATION.as_str());
        let location = location.and_then(|location| answer.url().join(&location).ok());
        let location = location.ok_or_else(|| self.trouble(OPERATION, Trouble::NoLocation))?;
        if is_allowed(&location, self.host.loopback) {
            return Ok(location);
        }
        let host = location.host_str().unwrap_or_default().to_owned();
        Err(self.trouble(OPERATION, Trouble::NotEncrypted(host)))
    }

    /// Sends the blob in one request.
    async fn send_blob(
        &self,
        mut location: Url,
        blob: &PushBlob,
        scope: &Scope,
        progress: &(dyn Fn(&Descriptor, u64) + Send + Sync),
    ) -> Result<(), Failure> {
        let Descriptor { digest, size, .. } = blob.descriptor;
        location
            .query_pairs_mut()
            .append_pair("digest", &digest.to_string());
        let mut request = Request::new(Method::PUT, location);
        let used = self.authorize(&mut request, scope).await?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_LENGTH, size.into());
        let kind = HeaderValue::from_static("application/octet-stream");
        headers.insert(CONTENT_TYPE, kind);
        let feed = Arc::new(Feed::default());
        *request.body_mut() = Some(Body::wrap_stream(feed.open(&blob.source, size)));
        let told = |sent| progress(&blob.descriptor, sent);
        let watched = self.watch(request, &feed, size, &told).await;
        let answer = watched.map_err(|failure| match feed.error() {
            Some(source) => {
                let blob = digest;
                Failure::Final(RegistryError::Source { blob, source })
            }
            None => failure,
        })?;
        if answer.status() == StatusCode::UNAUTHORIZED && self.host.is_own(answer.url()).await? {
            // The token has come to its end; a body can't be sent once more, an upload can.
            self.login(answer.headers(), used, scope).await?;
            return Err(Failure::again(self.denied(scope).await));
        }
        self.check(answer, scope, OPERATION).await.map(drop)
    }

    /// Sends the request as long as there is progress.
    async fn watch(
        &self,
        request: Request,
        feed: &Feed,
        size: u64,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Response, Failure> {
        let stall = self.host.stall;
        let (mut seen, mut since) = (0, Instant::now());
        let mut sending = std::pin::pin!(self.host.client.execute(request));
        loop {
            if let Ok(sent) = tokio::time::timeout(TICK, &mut sending).await {
                let other = |cause| self.other(OPERATION, cause);
                return sent.map_err(|err| self.host.failed(err, &other));
            }
            let sent = feed.sent.load(Ordering::Relaxed);
            let limit = if sent == size { stall * STORING } else { stall };
            if sent != seen {
                (seen, since) = (sent, Instant::now());
                progress(sent);
            } else if since.elapsed() >= limit {
                let error = self.trouble(OPERATION, Trouble::Stalled(limit));
                return Err(Failure::again(error));
            }
        }
    }
}

/// What a blob's reader has come to.
#[derive(Default)]
struct Feed {
    sent: AtomicU64,
    error: Mutex<Option<io::Error>>,
}

impl Feed {
    /// The source as a stream, which is read on a thread for blocking work.
    fn open(
        self: &Arc<Self>,
        source: &Source,
        size: u64,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let (source, feed) = (Arc::clone(source), Arc::clone(self));
        tokio::task::spawn_blocking(move || {
            if let Err(err) = read(&source, size, &sender) {
                // The library does not keep errors of bodies apart from those of connections.
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

    /// Why the reader gave up, if it did.
    fn error(&self) -> Option<io::Error> {
        let mut error = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        error.take()
    }
}

/// Sends everything that the source has, which must be `size` bytes, as long as somebody takes it.
fn read(source: &Source, size: u64, to: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let mut reader = source()?.take(size.saturating_add(1));
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
