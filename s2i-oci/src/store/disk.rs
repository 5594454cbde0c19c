//! All changes of the store's files except those in trees, one function each.
//!
//! Each function calls [`step`] first, which has an effect in tests only: there it ends the process or fails, so that a
//! test can interrupt an operation at every change. A full disk does not stop removals.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};

use super::error::{StoreError, disk};

#[cfg(test)]
pub(super) use super::faults::step;

/// The effect of a change on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The change may need space.
    Adds,
    /// The change needs no space.
    Removes,
}

#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "in tests it fails")]
pub(super) fn step(_change: Change) -> io::Result<()> {
    Ok(())
}

/// Makes a directory for the owner alone; false if something is there already.
pub(super) fn make_dir(path: &Path) -> Result<bool, StoreError> {
    let made = step(Change::Adds).and_then(|()| DirBuilder::new().mode(0o700).create(path));
    match made {
        Ok(()) => Ok(true),
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(err) => Err(disk("make", path)(err)),
    }
}

/// Asks the file system to spread the contents of this directory's subdirectories.
///
/// ext4 without a journal, as small virtual machines have it, gives new files the numbers of removed ones
/// only minutes later, and until then looks at each of those again for every file that is made near them.
/// Where thousands of files are made and removed in turn, most builds would take several times as long as the
/// first. With a journal it does not, and other file systems know no such flag.
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
    step(Change::Adds)
        .and_then(|()| {
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(path)
        })
        .map_err(disk("create", path))
}

/// Waits until the file is on the disk.
pub(super) fn sync(file: &File, path: &Path) -> Result<(), StoreError> {
    step(Change::Adds)
        .and_then(|()| file.sync_all())
        .map_err(disk("write", path))
}

/// Writes a file and waits until it is on the disk.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = create(path)?;
    step(Change::Adds)
        .and_then(|()| file.write_all(bytes))
        .map_err(disk("write", path))?;
    sync(&file, path)
}

/// Renames a file or directory, replacing an existing one.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    step(Change::Adds)
        .and_then(|()| fs::rename(from, to))
        .map_err(disk("rename", from))
}

/// Waits until the names in the directory are on the disk.
pub(super) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    step(Change::Adds)
        .and_then(|()| File::open(path)?.sync_all())
        .map_err(disk("write", path))
}

/// Replaces or creates a file: readers see the old one or the new one, also after a crash. Only the holder of the
/// store's lock may do this, as the file first has a fixed name: `new`.
pub(super) fn replace(new: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let written = write(new, bytes).and_then(|()| rename(new, path));
    if written.is_err() {
        // On a failure here, the next process that opens the store removes it.
        let _ = remove_file(new);
    }
    written?;
    sync_dir(path.parent().expect("files of the store lie in it"))
}

/// Removes a file, if it is there.
pub(super) fn remove_file(path: &Path) -> Result<(), StoreError> {
    match step(Change::Removes).and_then(|()| fs::remove_file(path)) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => Err(disk("remove", path)(err)),
        _ => Ok(()),
    }
}

/// Reads some bytes; none at the end.
pub(super) fn read_some(content: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match content.read(buffer) {
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// A file as a whole, if it is there; an error if it has more than `most` bytes.
pub(super) fn read(path: &Path, most: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(disk("read", path)(err)),
    };
    let mut bytes = Vec::new();
    let read = file.take(most + 1).read_to_end(&mut bytes);
    read.map_err(disk("read", path))?;
    if bytes.len() as u64 > most {
        return Err(StoreError::damaged(
            path,
            format!("it has more than {most} bytes"),
        ));
    }
    Ok(Some(bytes))
}

/// The names in a directory.
pub(super) fn entries(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(disk("read", path))
}

/// Replaces a file that need not survive a crash, or leaves the old one.
pub(super) fn scratch(new: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = create(new)?;
    step(Change::Adds)
        .and_then(|()| file.write_all(bytes))
        .map_err(disk("write", new))?;
    rename(new, path)
}
