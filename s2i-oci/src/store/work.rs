//! Directories for unfinished work, and the leases that protect its images.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{
    Store, StoredImage, disk,
    error::{StoreError, disk_error},
    lock::{self, Attempt, Exclusive, Lock},
    remove::remove,
};
use crate::{Digest, manifest::Descriptor};

/// The most bytes of a lease.
const MAX_LEASE: u64 = 16 << 20;

/// The content that must be kept although no name may refer to it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Lease {
    /// Manifests, with everything that they name.
    pub(super) images: Vec<Descriptor>,
    /// Single blobs.
    pub(super) blobs: BTreeSet<Digest>,
}

/// A directory of the store for a build, a run or a download, and a lease on the images that it needs. It is removed
/// with its contents when this is dropped; if the process ends without that, the next process that opens the store
/// removes it.
#[derive(Debug)]
pub struct Work {
    path: PathBuf,
    lease: Mutex<Lease>,
    /// The locked file.
    _lock: File,
}

impl Store {
    /// Creates a directory that protects these images until it is dropped.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if one of the images is not in the store any more, [`StoreError::Disk`].
    pub fn work(&self, images: &[&StoredImage]) -> Result<Work, StoreError> {
        let lock = self.shared()?;
        for image in images {
            self.check_present(image, &lock)?;
        }
        let images = images.iter().map(|image| image.descriptor.clone());
        let lease = Lease {
            images: images.collect(),
            ..Lease::default()
        };
        Work::start(self, lease, &lock)
    }

    /// Removes leftovers of processes that have ended.
    pub(super) fn sweep(&self) -> Result<(), StoreError> {
        let new = self.layout.new_file();
        if disk::entries(&self.layout.work())?.is_empty() && !new.exists() {
            return Ok(());
        }
        let works = {
            let lock = self.exclusive()?;
            disk::remove_file(&new)?;
            self.work_dirs(&lock)?
        };
        works.remove_stale()
    }

    /// Lists the working directories, separating those in use from leftovers. No directory is created meanwhile, as
    /// that needs the store's lock.
    pub(super) fn work_dirs(&self, _lock: &Exclusive) -> Result<WorkDirs, StoreError> {
        let mut works = WorkDirs::default();
        for path in disk::entries(&self.layout.work())? {
            let lock = match lock::try_lock(&path.join("lock"), false)? {
                Attempt::Busy => {
                    works.leases.push(read_lease(&path)?);
                    continue;
                }
                Attempt::Locked(lock) => Some(lock),
                Attempt::Missing => None,
            };
            works.stale.push(Stale { path, _lock: lock });
        }
        Ok(works)
    }
}

/// The working directories in `work/`.
#[derive(Default)]
pub(super) struct WorkDirs {
    /// The leases of running processes.
    pub(super) leases: Vec<Lease>,
    /// The leftovers of ended processes.
    stale: Vec<Stale>,
}

impl WorkDirs {
    /// Removes the leftovers. A failure does not stop the rest, and is returned at the end.
    pub(super) fn remove_stale(self) -> Result<(), StoreError> {
        let removed = self.stale.iter().map(|stale| remove(&stale.path));
        removed.fold(Ok(()), Result::and)
    }
}

/// The leftovers of an ended process, locked so that no other process removes them.
struct Stale {
    path: PathBuf,
    _lock: Option<File>,
}

fn read_lease(work: &Path) -> Result<Lease, StoreError> {
    // Its owner may be removing it.
    let lease = disk::read_json(&work.join("lease.json"), MAX_LEASE)?;
    Ok(lease.unwrap_or_default())
}

impl Work {
    pub(super) fn start(store: &Store, lease: Lease, lock: &impl Lock) -> Result<Self, StoreError> {
        let path = loop {
            let path = store.layout.work().join(disk::random_name());
            if disk::make_dir(&path)? {
                break path;
            }
        };
        // A directory without its lock is a leftover, which the next process to look removes.
        let file = lock::lock(&path.join("lock"))?;
        let work = Self {
            path,
            lease: Mutex::new(Lease::default()),
            _lock: file,
        };
        work.protect(|all| *all = lease, lock)?;
        Ok(work)
    }

    /// The directory. The store owns `lock` and `lease.*` in it; the rest is the caller's.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the caller's entry of this name, of any type, without following links.
    ///
    /// # Errors
    /// [`StoreError::Disk`], also for a path that is not a plain name, and for a name of the store.
    pub fn clear(&self, name: &OsStr) -> Result<(), StoreError> {
        let path = self.path.join(name);
        let bytes = name.as_encoded_bytes();
        let is_own = path.file_name() == Some(name) && path.parent() == Some(&self.path);
        if !is_own || bytes == b"lock" || bytes.starts_with(b"lease.") {
            let invalid = io::ErrorKind::InvalidInput.into();
            return Err(disk_error("remove", &path)(invalid));
        }
        remove(&path)
    }

    /// Removes the directory now, and returns the error of that.
    ///
    /// # Errors
    /// [`StoreError::Disk`]; the next process that opens the store tries again.
    pub fn remove(self) -> Result<(), StoreError> {
        remove(&self.path)
    }

    /// Changes the lease. The caller has made sure that the content exists.
    pub(super) fn protect(
        &self,
        change: impl FnOnce(&mut Lease),
        _lock: &impl Lock,
    ) -> Result<(), StoreError> {
        let mut lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut lease);
        let json = serde_json::to_vec(&*lease).expect("text keys");
        let [new, path] = ["lease.new", "lease.json"].map(|name| self.path.join(name));
        disk::replace_unsynced(&new, &path, &json)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // A directory that can't be removed now is removed by the next process that opens the store.
        let _ = remove(&self.path);
    }
}
