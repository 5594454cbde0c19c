//! A temporary directory for a checkout, which is removed even when the process that created it was killed.
//!
//! A process that uses such a directory holds a lock on it. A directory without a lock is stale, and the next process
//! that creates one removes it.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
    process::geteuid,
};
use tempfile::TempDir;

use super::SourceError;
use crate::{
    cancel::CancelToken,
    resource::{Resource, Tracked},
};

/// The prefix of the names of all such directories.
const PREFIX: &str = "s2i-checkout-";

/// A directory that is removed when it is dropped, or by the next process.
#[derive(Debug)]
pub(super) struct Checkout {
    dir: TempDir,
    /// Held as long as the directory is in use; not inherited by Git.
    _lock: File,
    /// Dropped last, when the directory is gone.
    _tracked: Tracked,
}

impl Checkout {
    /// Creates a directory in `temp_dir`, after it has removed stale ones.
    pub(super) fn new(temp_dir: &Path, cancel: &CancelToken) -> Result<Self, SourceError> {
        let failed = || SourceError::io("make a directory in", temp_dir);
        sweep(temp_dir).map_err(failed())?;
        let tracked = cancel.track(Resource::Checkout(temp_dir.into()));
        let tracked = tracked.map_err(SourceError::Interrupted)?;
        Self::make(temp_dir, tracked).map_err(failed())
    }

    fn make(temp_dir: &Path, tracked: Tracked) -> io::Result<Self> {
        loop {
            let dir = tempfile::Builder::new()
                .prefix(PREFIX)
                .tempdir_in(temp_dir)?;
            let lock = File::open(dir.path())?;
            flock(&lock, FlockOperation::LockExclusive)?;
            // Another process may have removed the directory before it was locked.
            if is_same(&lock, dir.path()) {
                tracked.set(Resource::Checkout(dir.path().into()));
                return Ok(Self {
                    dir,
                    _lock: lock,
                    _tracked: tracked,
                });
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }
}

fn is_same(open: &File, path: &Path) -> bool {
    match (open.metadata(), path.symlink_metadata()) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// Removes the stale directories of this user. A directory that can't be removed is skipped.
fn sweep(temp_dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(temp_dir)?.flatten() {
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes())
            && let Err(err) = sweep_one(&entry.path())
        {
            tracing::debug!(path = %entry.path().display(), %err, "left where it is");
        }
    }
    Ok(())
}

fn sweep_one(path: &Path) -> io::Result<()> {
    let metadata = path.symlink_metadata()?;
    if !metadata.is_dir() || metadata.uid() != geteuid().as_raw() {
        return Ok(());
    }
    let dir = File::open(path)?;
    match flock(&dir, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) if is_same(&dir, path) => fs::remove_dir_all(path),
        Ok(()) | Err(Errno::WOULDBLOCK) => Ok(()),
        Err(err) => Err(err.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_checkout_is_removed() {
        let temp = tempfile::tempdir().unwrap();
        let new = || Checkout::new(temp.path(), &CancelToken::default()).unwrap();
        let used = new();
        fs::write(used.path().join("file"), "").unwrap();
        let left = temp.path().join(format!("{PREFIX}left"));
        fs::create_dir_all(left.join("a/b")).unwrap();
        let other = temp.path().join("s2i-other");
        fs::create_dir(&other).unwrap();

        let next = new();
        assert!(!left.exists());
        assert!(used.path().join("file").exists() && other.exists());
        drop((used, next));
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
    }
}
