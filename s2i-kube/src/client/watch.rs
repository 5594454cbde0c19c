//! The changes of the objects that a selector matches, over connections that end.

use std::{fmt::Debug, time::Duration};

use futures_util::{
    Stream, StreamExt as _, TryStreamExt as _,
    stream::{BoxStream, unfold},
};
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, WatchEvent, WatchParams},
};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};

use super::{
    cluster::answer,
    error::{ApiError, Cause, Operation},
};

/// The seconds after which a server ends a stream. A connection that was lost without a word is found so.
const STREAM_SECONDS: u32 = 60;

/// The time after which the client ends it, if the server has not.
const STREAM_TIME: Duration = Duration::from_secs(STREAM_SECONDS as u64 + 15);

/// The first pause after a failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The time without success after which the stream fails.
const LOST: Duration = Duration::from_secs(180);

/// The code of a server that does not keep the changes since a version any more.
const GONE: u16 = 410;

/// The objects to watch.
#[derive(Clone, Debug)]
pub(crate) enum Selector {
    /// Objects with labels.
    Labels(String),
    /// Objects with fields.
    Fields(String),
}

/// A change.
#[derive(Clone, Debug)]
pub(crate) enum Change<K> {
    /// All objects that there are: those that are missing were deleted.
    All(Vec<K>),
    /// An object that is new or has changed.
    Applied(K),
    /// An object that was deleted, in its last state.
    Deleted(K),
    /// The connection was lost, and is made again.
    Interrupted(ApiError),
}

/// An object of an API that can be watched.
pub(crate) trait Watched:
    kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static
{
}

impl<K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static> Watched for K {}

/// Returns the changes, the present state first. The stream ends with an error that another try can't change, or after
/// three minutes without a connection.
pub(crate) fn watch<K: Watched>(
    api: Api<K>,
    selector: Selector,
    list: Operation,
) -> impl Stream<Item = Result<Change<K>, ApiError>> + Send {
    let watch = Operation {
        verb: "watch",
        ..list.clone()
    };
    let watcher = Watcher {
        api,
        selector,
        list,
        watch,
        phase: Phase::List,
        failures: 0,
        last_success: Instant::now(),
    };
    unfold(Some(watcher), |watcher| async {
        let mut watcher = watcher?;
        let change = watcher.next().await;
        let next = change.is_ok().then_some(watcher);
        Some((change, next))
    })
}

struct Watcher<K: Watched> {
    api: Api<K>,
    selector: Selector,
    list: Operation,
    watch: Operation,
    phase: Phase<K>,
    failures: u32,
    last_success: Instant,
}

enum Phase<K> {
    /// The present state is to be read.
    List,
    /// Changes since this version are to be asked for.
    Start(String),
    /// Changes come in.
    Stream {
        version: String,
        changes: BoxStream<'static, Result<WatchEvent<K>, kube::Error>>,
        since: Instant,
    },
}

impl<K: Watched> Watcher<K> {
    async fn next(&mut self) -> Result<Change<K>, ApiError> {
        loop {
            let failed = match std::mem::replace(&mut self.phase, Phase::List) {
                Phase::List => match self.read().await {
                    Ok(objects) => return Ok(Change::All(objects)),
                    Err(error) => error,
                },
                Phase::Start(version) => match self.start(version).await {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                Phase::Stream {
                    version,
                    changes,
                    since,
                } => match self.stream(version, changes, since).await {
                    Ok(Some(change)) => return Ok(change),
                    Ok(None) => continue,
                    Err(error) => error,
                },
            };
            return self.pause(failed).await.map(Change::Interrupted);
        }
    }

    async fn read(&mut self) -> Result<Vec<K>, ApiError> {
        let params = match &self.selector {
            Selector::Labels(labels) => ListParams::default().labels(labels),
            Selector::Fields(fields) => ListParams::default().fields(fields),
        };
        let objects = answer(&self.list, self.api.list(&params)).await?;
        self.success();
        self.phase = Phase::Start(objects.metadata.resource_version.unwrap_or_default());
        Ok(objects.items)
    }

    async fn start(&mut self, version: String) -> Result<(), ApiError> {
        let params = WatchParams::default().timeout(STREAM_SECONDS);
        let params = match &self.selector {
            Selector::Labels(labels) => params.labels(labels),
            Selector::Fields(fields) => params.fields(fields),
        };
        // A failure goes on with a list: the version may be the reason.
        let changes = answer(&self.watch, self.api.watch(&params, &version))
            .await?
            .into_stream()
            .boxed();
        self.success();
        self.phase = Phase::Stream {
            version,
            changes,
            since: Instant::now(),
        };
        Ok(())
    }

    /// Returns the next change. There is none if the stream has ended.
    async fn stream(
        &mut self,
        mut version: String,
        mut changes: BoxStream<'static, Result<WatchEvent<K>, kube::Error>>,
        since: Instant,
    ) -> Result<Option<Change<K>>, ApiError> {
        let left = STREAM_TIME.saturating_sub(since.elapsed());
        let change = match timeout(left, changes.next()).await {
            Ok(Some(Ok(WatchEvent::Error(status)))) if status.code == GONE => return Ok(None),
            Ok(Some(Ok(WatchEvent::Error(status)))) => return Err(self.watch.failed(*status)),
            Ok(Some(Err(kube::Error::Api(status)))) if status.code == GONE => return Ok(None),
            Ok(Some(Err(error))) => return Err(self.watch.failed(error)),
            Ok(Some(Ok(change))) => change,
            Ok(None) | Err(_) => {
                // A server that ends each stream at once must not be asked without a pause.
                if since.elapsed() < FIRST_PAUSE {
                    sleep(FIRST_PAUSE).await;
                }
                self.phase = Phase::Start(version);
                return Ok(None);
            }
        };
        let change = match change {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                version = object.resource_version().unwrap_or(version);
                Some(Change::Applied(object))
            }
            WatchEvent::Deleted(object) => {
                version = object.resource_version().unwrap_or(version);
                Some(Change::Deleted(object))
            }
            WatchEvent::Bookmark(bookmark) => {
                version = bookmark.metadata.resource_version;
                None
            }
            WatchEvent::Error(_) => None,
        };
        self.phase = Phase::Stream {
            version,
            changes,
            since,
        };
        Ok(change)
    }

    fn success(&mut self) {
        self.failures = 0;
        self.last_success = Instant::now();
    }

    /// Waits before the next try, and returns the error that was waited for; or fails with it.
    async fn pause(&mut self, error: ApiError) -> Result<ApiError, ApiError> {
        // An answer that can't be read may be half of one.
        let again = error.is_temporary() || matches!(error.cause, Cause::Unexpected { .. });
        if !again || self.last_success.elapsed() >= LOST {
            return Err(error);
        }
        let pause = FIRST_PAUSE
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST_PAUSE);
        self.failures += 1;
        sleep(pause).await;
        Ok(error)
    }
}
