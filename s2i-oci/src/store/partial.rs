//! Downloads that can be gone on with, in this process or in the next.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::{
    Store, Work, disk,
    error::{StoreError, disk as failed},
    lock::{self, Attempt},
};
use crate::{Digest, manifest::Descriptor};

/// The time between two looks whether another process still downloads the same.
const PAUSE: Duration = Duration::from_millis(20);

/// A blob that is not there yet, and a file for it, which nobody else writes.
///
/// When it is dropped, what was written so far stays for the next one.
#[derive(Debug)]
pub struct Partial {
    store: Store,
    blob: Descriptor,
    path: PathBuf,
    /// Held as long as this lives.
    file: File,
}

impl Store {
    /// Checks before anything is downloaded that all these blobs together are within the limit of bytes. Their sizes
    /// are what a registry says; no download is longer than that.
    ///
    /// # Errors
    /// [`StoreError::Download`].
    pub fn check_download(&self, blobs: &[Descriptor]) -> Result<(), StoreError> {
        let bytes = blobs
            .iter()
            .fold(0, |sum: u64, blob| sum.saturating_add(blob.size));
        let most = self.limits().bytes;
        if bytes > most {
            return Err(StoreError::Download(most));
        }
        Ok(())
    }

    /// The place for a download of this blob; `None` if it is there. From now on the blob stays as long
    /// as `work` lives, whether it is there or comes later.
    ///
    /// Waits while somebody else downloads the same.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn partial(&self, work: &Work, blob: &Descriptor) -> Result<Option<Partial>, StoreError> {
        let digest = blob.digest;
        work.protect(|lease| lease.blobs.extend([digest]), &self.shared()?)?;
        let path = self.layout().partial(digest);
        loop {
            if self.has_blob(digest) {
                return Ok(None);
            }
            let file = self.hold_partial(&path)?;
            // While this waited, the file may have become the blob or have been removed.
            if !is_same(&file, &path) {
                continue;
            }
            if self.has_blob(digest) {
                disk::remove_file(&path)?;
                return Ok(None);
            }
            let length = file.metadata().map_err(failed("read", &path))?.len();
            if length > blob.size {
                file.set_len(0).map_err(failed("empty", &path))?;
            }
            return Ok(Some(Partial {
                store: self.clone(),
                blob: blob.clone(),
                path,
                file,
            }));
        }
    }

    /// Waits until the file is free, which may take as long as a download.
    fn hold_partial(&self, path: &Path) -> Result<File, StoreError> {
        loop {
            if let Some(file) = lock::try_hold(path)? {
                return Ok(file);
            }
            self.check().map_err(failed("lock", path))?;
            thread::sleep(PAUSE);
        }
    }

    /// Removes downloads that nobody goes on with, and returns how many bytes they had.
    pub(super) fn remove_partials(&self) -> Result<u64, StoreError> {
        let mut bytes = 0;
        for path in disk::entries(&self.layout().partials())? {
            // What is held is removed while it is held: who waits for it looks again.
            if let Attempt::Held(file) = lock::attempt(&path)? {
                bytes += file.metadata().map_or(0, |metadata| metadata.len());
                disk::remove_file(&path)?;
            }
        }
        Ok(bytes)
    }
}

/// Whether the open file still has this name.
fn is_same(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

impl Partial {
    /// The file. What is in it already is the start of the blob, as far as can be known.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the file as the whole blob. If it is not, it is removed.
    ///
    /// # Errors
    /// [`StoreError::Mismatch`], [`StoreError::Disk`].
    pub fn finish(self) -> Result<(), StoreError> {
        let mut content = File::open(&self.path).map_err(failed("read", &self.path))?;
        let mut content = self.store.watch(&mut content);
        let (found, size) = Digest::of_reader(&mut content).map_err(failed("read", &self.path))?;
        if (found, size) != (self.blob.digest, self.blob.size) {
            disk::remove_file(&self.path)?;
            return Err(StoreError::Mismatch {
                what: "what was downloaded".into(),
                expected: self.blob.digest,
                found,
                size,
            });
        }
        disk::sync(&self.file, &self.path)?;
        let held = self.store.exclusive()?;
        self.store.put_blob(&self.path, self.blob.digest, &held)?;
        // It is still there if the blob came on another way.
        disk::remove_file(&self.path)?;
        self.store.sync_blobs()
    }
}
