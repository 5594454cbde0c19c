//! Downloads that can be continued, in this process or in the next.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::{
    Store, Work, disk,
    error::{StoreError, disk_error},
    lock::{self, Attempt},
};
use crate::{Digest, manifest::Descriptor};

/// The time between two checks whether another process still downloads the same blob.
const PAUSE: Duration = Duration::from_millis(20);

/// A blob that is not in the store yet, and a file for it that no other process writes.
///
/// When it is dropped, the content so far stays for the next download.
#[derive(Debug)]
pub struct Partial {
    store: Store,
    blob: Descriptor,
    path: PathBuf,
    /// The locked file.
    file: File,
}

impl Store {
    /// Checks before a download that all these blobs together are within the limit of bytes. Their sizes are those that
    /// the registry states; no download is longer than that.
    ///
    /// # Errors
    /// [`StoreError::Download`].
    pub fn check_download(&self, blobs: &[Descriptor]) -> Result<(), StoreError> {
        let sizes = blobs.iter().map(|blob| blob.size);
        let most = self.limits.bytes;
        if sizes.fold(0, u64::saturating_add) > most {
            return Err(StoreError::Download(most));
        }
        Ok(())
    }

    /// Returns the file for a download of this blob; `None` if it is in the store. From now on the blob stays as long
    /// as `work` lives, whether it exists already or comes later.
    ///
    /// Waits while another process downloads the same blob.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn partial(&self, work: &Work, blob: &Descriptor) -> Result<Option<Partial>, StoreError> {
        let digest = blob.digest;
        work.protect(|lease| lease.blobs.extend([digest]), &self.shared()?)?;
        let path = self.layout.partial(digest);
        loop {
            if self.has_blob(digest) {
                return Ok(None);
            }
            let file = self.lock_partial(&path)?;
            // While this waited, the file may have become the blob or have been removed.
            if !is_same(&file, &path) {
                continue;
            }
            if self.has_blob(digest) {
                disk::remove_file(&path)?;
                return Ok(None);
            }
            let length = file.metadata().map_err(disk_error("read", &path))?.len();
            if length > blob.size {
                file.set_len(0).map_err(disk_error("empty", &path))?;
            }
            return Ok(Some(Partial {
                store: self.clone(),
                blob: blob.clone(),
                path,
                file,
            }));
        }
    }

    /// Waits for the lock on the file, which may take as long as a download.
    fn lock_partial(&self, path: &Path) -> Result<File, StoreError> {
        loop {
            if let Attempt::Locked(file) = lock::try_lock(path, true)? {
                return Ok(file);
            }
            self.check().map_err(disk_error("lock", path))?;
            thread::sleep(PAUSE);
        }
    }

    /// Removes unfinished downloads that no process continues, and returns the number of their bytes.
    pub(super) fn remove_partials(&self) -> Result<u64, StoreError> {
        let mut bytes = 0;
        for path in disk::entries(&self.layout.partials())? {
            // The file is removed while it is locked: a process that waits for the lock checks the file again.
            if let Attempt::Locked(file) = lock::try_lock(&path, false)? {
                bytes += file.metadata().map_or(0, |metadata| metadata.len());
                disk::remove_file(&path)?;
            }
        }
        Ok(bytes)
    }
}

/// Returns whether the open file still has this name.
fn is_same(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

impl Partial {
    /// The file. Its content so far is the start of the blob, as far as is known.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the file as the whole blob. If its digest or length is wrong, it is removed.
    ///
    /// # Errors
    /// [`StoreError::Mismatch`], [`StoreError::Disk`].
    pub fn finish(self) -> Result<(), StoreError> {
        let mut content = File::open(&self.path).map_err(disk_error("read", &self.path))?;
        let mut content = self.store.watch(&mut content);
        let (found, size) =
            Digest::of_reader(&mut content).map_err(disk_error("read", &self.path))?;
        if (found, size) != (self.blob.digest, self.blob.size) {
            disk::remove_file(&self.path)?;
            return Err(StoreError::Mismatch {
                what: "the downloaded blob".into(),
                expected: self.blob.digest,
                found,
                size,
            });
        }
        disk::sync(&self.file, &self.path)?;
        let lock = self.store.exclusive()?;
        self.store.put_blob(&self.path, self.blob.digest, &lock)?;
        // It still exists if the blob was added in another way.
        disk::remove_file(&self.path)?;
        self.store.sync_blobs()
    }
}
