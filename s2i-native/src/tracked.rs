//! Directories of the store that a cancelled command waits for until they are removed.

use std::ops::Deref;

use rustix::io::Errno;
use s2i_build::{CancelToken, EngineError, Resource, resource::Tracked};
use s2i_oci::store::{Store, StoreError, StoredImage, Work};

/// A directory of the store that is tracked until it is removed.
#[derive(Debug)]
pub(crate) struct TrackedWork {
    work: Work,
    // Dropped last, when the directory is gone.
    tracked: Tracked,
}

impl TrackedWork {
    /// Makes a directory that protects these images, unless the command is cancelled.
    pub(crate) fn make(
        store: &Store,
        images: &[&StoredImage],
        cancel: &CancelToken,
        failed: impl FnOnce(StoreError) -> EngineError,
    ) -> Result<Self, EngineError> {
        let tracked = track(store, cancel)?;
        let work = store.work(images).map_err(failed)?;
        tracked.set(Resource::Work(work.path().into()));
        Ok(Self { work, tracked })
    }

    /// Notes that an application runs in the directory, which may take its time to end.
    pub(crate) fn note_application(&self) {
        self.tracked.set(Resource::Run(self.work.path().into()));
    }
}

impl Deref for TrackedWork {
    type Target = Work;

    fn deref(&self) -> &Work {
        &self.work
    }
}

/// Tracks the directory that an operation of the store is about to make.
pub(crate) fn track(store: &Store, cancel: &CancelToken) -> Result<Tracked, EngineError> {
    let tracked = cancel.track(Resource::Work(store.root().into()));
    tracked.map_err(EngineError::Interrupted)
}

/// Returns a handle of the store whose long operations fail when the command is cancelled.
pub(crate) fn cancellable(store: &Store, cancel: &CancelToken) -> Store {
    let cancel = cancel.clone();
    store.checked(move || match cancel.reason() {
        Some(_) => Err(Errno::CANCELED.into()),
        None => Ok(()),
    })
}

/// Replaces a failure by the reason why the command was cancelled, which caused it.
pub(crate) fn or_reason<T>(
    done: Result<T, EngineError>,
    cancel: &CancelToken,
) -> Result<T, EngineError> {
    done.map_err(|err| cancel.reason().map_or(err, EngineError::Interrupted))
}
