//! Directories for what is not finished, and what protects what it needs.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::File,
    hash::{BuildHasher, Hasher, RandomState},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{
    Store, StoredImage, disk,
    error::{StoreError, disk as disk_error},
    lock::{self, Attempt, Exclusive, Held},
    remove::remove,
};
use crate::{Digest, manifest::Descriptor};

/// The most bytes of a lease.
const MAX_LEASE: u64 = 16 << 20;

/// What must stay although no name may stand for it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Lease {
    /// Manifests, and with them all that they name.
    pub(super) images: Vec<Descriptor>,
    /// Blobs alone.
    pub(super) blobs: BTreeSet<Digest>,
}

/// A directory of the store for a build, a run or a download, and the images that stay as long as it is
/// there. It is removed with all that is in it when this is dropped, and when this process ends without
/// that, by the next one that opens the store.
#[derive(Debug)]
pub struct Work {
    path: PathBuf,
    lease: Mutex<Lease>,
    /// Held as long as this lives.
    _lock: File,
}

impl Store {
    /// A new directory that protects these images until it is dropped.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if one of the images is not in the store any more, [`StoreError::Disk`].
    pub fn work(&self, images: &[&StoredImage]) -> Result<Work, StoreError> {
        let held = self.shared()?;
        for image in images {
            self.check_present(image, &held)?;
        }
        let lease = Lease {
            images: images
                .iter()
                .map(|image| image.descriptor.clone())
                .collect(),
            ..Lease::default()
        };
        Work::start(self, lease, &held)
    }

    /// Removes what processes left behind that are gone.
    pub(super) fn sweep(&self) -> Result<(), StoreError> {
        let new = self.layout().new_file();
        if disk::entries(&self.layout().work())?.is_empty() && !new.exists() {
            return Ok(());
        }
        let works = {
            let held = self.exclusive()?;
            disk::remove_file(&new)?;
            self.works(&held)?
        };
        works.bury()
    }

    /// Tells the living from the dead. None is being made meanwhile, as that needs the store's lock.
    pub(super) fn works(&self, _held: &Exclusive) -> Result<Works, StoreError> {
        let mut works = Works::default();
        for path in disk::entries(&self.layout().work())? {
            let lock = match lock::attempt(&path.join("lock"))? {
                Attempt::Busy => {
                    works.leases.push(read_lease(&path)?);
                    continue;
                }
                Attempt::Held(lock) => Some(lock),
                Attempt::Missing => None,
            };
            works.dead.push(Dead { path, _lock: lock });
        }
        Ok(works)
    }
}

/// What there is in `work/`.
#[derive(Default)]
pub(super) struct Works {
    /// What the living protect.
    pub(super) leases: Vec<Lease>,
    /// What is left of the others.
    dead: Vec<Dead>,
}

impl Works {
    /// Removes what is dead. What can't be removed does not keep the rest, and is told at the end.
    pub(super) fn bury(self) -> Result<(), StoreError> {
        let buried = self.dead.iter().map(|dead| remove(&dead.path));
        buried.fold(Ok(()), Result::and)
    }
}

/// What a process left behind. Nobody else takes it for dead while this lives.
struct Dead {
    path: PathBuf,
    _lock: Option<File>,
}

fn read_lease(work: &Path) -> Result<Lease, StoreError> {
    let path = work.join("lease.json");
    // Its owner may be removing it.
    let Some(bytes) = disk::read(&path, MAX_LEASE)? else {
        return Ok(Lease::default());
    };
    serde_json::from_slice(&bytes).map_err(|err| StoreError::damaged(&path, err.to_string()))
}

impl Work {
    pub(super) fn start(store: &Store, lease: Lease, held: &impl Held) -> Result<Self, StoreError> {
        let path = loop {
            let path = store.layout().work().join(random_name());
            if disk::make_dir(&path)? {
                break path;
            }
        };
        // Without its lock the directory is dead, and the next one to look removes it.
        let lock = lock::hold(&path.join("lock"))?;
        let work = Self {
            path,
            lease: Mutex::new(Lease::default()),
            _lock: lock,
        };
        work.protect(|all| *all = lease, held)?;
        Ok(work)
    }

    /// The directory. It holds `lock` and `lease.*`, which are the store's; the rest is the owner's.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the owner's entry of this name, whatever it is, and nothing that a link leads to.
    ///
    /// # Errors
    /// [`StoreError::Disk`], also for a path that is no name, and for a name that is the store's.
    pub fn clear(&self, name: &OsStr) -> Result<(), StoreError> {
        let path = self.path.join(name);
        let bytes = name.as_encoded_bytes();
        let is_own = path.file_name() == Some(name) && path.parent() == Some(&self.path);
        if !is_own || bytes == b"lock" || bytes.starts_with(b"lease.") {
            return Err(disk_error("remove", &path)(
                io::ErrorKind::InvalidInput.into(),
            ));
        }
        remove(&path)
    }

    /// Removes the directory now, and tells what goes wrong with that.
    ///
    /// # Errors
    /// [`StoreError::Disk`]; the next one that opens the store tries again.
    pub fn remove(self) -> Result<(), StoreError> {
        remove(&self.path)
    }

    /// Changes what is protected. The caller has made sure that it is there.
    pub(super) fn protect(
        &self,
        change: impl FnOnce(&mut Lease),
        _held: &impl Held,
    ) -> Result<(), StoreError> {
        let mut lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut lease);
        let json = serde_json::to_vec(&*lease).expect("text keys");
        disk::scratch(
            &self.path.join("lease.new"),
            &self.path.join("lease.json"),
            &json,
        )
    }
}

/// A name that nobody else has.
pub(super) fn random_name() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

impl Drop for Work {
    fn drop(&mut self) {
        // What can't be removed now is removed by the next one that opens the store.
        let _ = remove(&self.path);
    }
}
