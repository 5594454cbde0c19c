//! All changes of the store's files except those in trees, one function each.
//!
//! Each function calls [`step`] first, which has an effect in tests only: there it ends the process or fails, so that a
//! test can interrupt an operation at every change. A full disk does not stop removals.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    hash::{BuildHasher, Hasher, RandomState},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags, syncfs};
use serde::de::DeserializeOwned;

use super::error::{StoreError, disk_error};

/// The effect of a change on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The change may need space.
    Adds,
    /// The change needs no space.
    Removes,
}

#[cfg(test)]
pub(super) fn step(change: Change) -> io::Result<()> {
    super::tests::faults::step(change == Change::Adds)
}

#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "in tests it fails")]
pub(super) fn step(_change: Change) -> io::Result<()> {
    Ok(())
}

/// Makes a change of `path` that may need space. `operation` is the verb in its error.
pub(super) fn change<T>(
    operation: &'static str,
    path: &Path,
    change: impl FnOnce() -> io::Result<T>,
) -> Result<T, StoreError> {
    step(Change::Adds)
        .and_then(|()| change())
        .map_err(disk_error(operation, path))
}

/// Makes a directory for the owner alone; false if something is there already.
pub(super) fn make_dir(path: &Path) -> Result<bool, StoreError> {
    change("make", path, || {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            created => created.map(|()| true),
        }
    })
}

/// Asks the file system to spread the contents of this directory's subdirectories.
///
/// ext4 without a journal, which is usual in small virtual machines, reuses the inodes of removed files only after
/// minutes, and until then examines each of them again for every new file near them. So a build that follows another one
/// would take several times as long. ext4 with a journal does not do so, and other file systems have no such flag.
pub(super) fn spread(dir: &Path) {
    let spread = || -> io::Result<()> {
        let dir = File::open(dir)?;
        let flags = ioctl_getflags(&dir)?;
        if !flags.contains(IFlags::TOPDIR) {
            ioctl_setflags(&dir, flags | IFlags::TOPDIR)?;
        }
        Ok(())
    };
    let _ = spread();
}

/// Creates or empties a file for the owner alone.
pub(super) fn create(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    change("create", path, || options.open(path))
}

/// Waits until the file is on the disk.
pub(super) fn sync(file: &File, path: &Path) -> Result<(), StoreError> {
    change("write", path, || file.sync_all())
}

/// Writes a file, which a crash may still undo.
fn write_unsynced(path: &Path, bytes: &[u8]) -> Result<File, StoreError> {
    let mut file = create(path)?;
    change("write", path, || file.write_all(bytes))?;
    Ok(file)
}

/// Writes a file and waits until it is on the disk.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    sync(&write_unsynced(path, bytes)?, path)
}

/// Renames a file or directory, replacing an existing one.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    change("rename", from, || fs::rename(from, to))
}

/// Waits until the names in the directory are on the disk.
pub(super) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    change("write", path, || File::open(path)?.sync_all())
}

/// Waits until everything that was written to the file system of this directory is on the disk.
pub(super) fn sync_file_system(path: &Path) -> Result<(), StoreError> {
    change("write", path, || Ok(syncfs(File::open(path)?)?))
}

/// Replaces or creates a file: readers see the old one or the new one, also after a crash. `new` is the temporary name.
pub(super) fn replace(new: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let written = write(new, bytes).and_then(|()| rename(new, path));
    if written.is_err() {
        // On a failure here, the next process that opens the store removes it.
        let _ = remove_file(new);
    }
    written?;
    sync_dir(path.parent().expect("files of the store lie in it"))
}

/// Replaces a file that need not survive a crash, or leaves the old one.
pub(super) fn replace_unsynced(new: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_unsynced(new, bytes)?;
    rename(new, path)
}

/// Removes a file, if it is there.
pub(super) fn remove_file(path: &Path) -> Result<(), StoreError> {
    match step(Change::Removes).and_then(|()| fs::remove_file(path)) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => Err(disk_error("remove", path)(err)),
        _ => Ok(()),
    }
}

/// Reads a file as a whole, if it is there; an error if it has more than `most` bytes.
pub(super) fn read(path: &Path, most: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match File::open(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(disk_error("read", path))?,
    };
    let mut bytes = Vec::new();
    let read = file.take(most + 1).read_to_end(&mut bytes);
    read.map_err(disk_error("read", path))?;
    if bytes.len() as u64 > most {
        let problem = format!("it has more than {most} bytes");
        return Err(StoreError::damaged(path, problem));
    }
    Ok(Some(bytes))
}

/// Reads a JSON file of the store, if it is there; an error if it has more than `most` bytes.
pub(super) fn read_json<T: DeserializeOwned>(
    path: &Path,
    most: u64,
) -> Result<Option<T>, StoreError> {
    let Some(bytes) = read(path, most)? else {
        return Ok(None);
    };
    let parsed = serde_json::from_slice(&bytes);
    parsed
        .map(Some)
        .map_err(|err| StoreError::damaged(path, err.to_string()))
}

/// Lists the paths of the entries of a directory.
pub(super) fn entries(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(disk_error("read", path))
}

/// Returns a unique random name.
pub(super) fn random_name() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}
