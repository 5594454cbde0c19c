//! Locks on files, which end with the process that has them.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::{
    fs::{FlockOperation, flock},
    io::{Errno, retry_on_intr},
};

use super::error::{StoreError, disk_error};

/// The shared lock of a store, which can't change meanwhile.
#[derive(Debug)]
pub(super) struct Shared(#[expect(dead_code, reason = "unlocked when closed")] File);

/// The exclusive lock of a store, which no other process reads or changes meanwhile.
#[derive(Debug)]
pub(super) struct Exclusive(#[expect(dead_code, reason = "unlocked when closed")] File);

/// Either lock. Data that is read under it is consistent.
pub(super) trait Lock {}
impl Lock for Shared {}
impl Lock for Exclusive {}

/// Waits for the lock on the file of a store, for reading.
pub(super) fn shared(path: &Path) -> Result<Shared, StoreError> {
    wait(path, FlockOperation::LockShared).map(Shared)
}

/// Waits for the lock on the file of a store, for short changes.
pub(super) fn exclusive(path: &Path) -> Result<Exclusive, StoreError> {
    lock(path).map(Exclusive)
}

/// Waits for the lock on any file, which is created if it does not exist.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    wait(path, FlockOperation::LockExclusive)
}

fn wait(path: &Path, operation: FlockOperation) -> Result<File, StoreError> {
    let file = open(path, true).map_err(disk_error("open", path))?;
    retry_on_intr(|| flock(&file, operation))
        .map_err(|err| disk_error("lock", path)(err.into()))?;
    Ok(file)
}

/// The result of an attempt to lock a file.
pub(super) enum Attempt {
    /// The file is locked now.
    Locked(File),
    /// The file is locked already.
    Busy,
    /// The file does not exist.
    Missing,
}

/// Locks the file unless it is locked already. With `create`, it is created if it does not exist.
pub(super) fn try_lock(path: &Path, create: bool) -> Result<Attempt, StoreError> {
    use io::ErrorKind::{NotADirectory, NotFound};
    let file = match open(path, create) {
        Err(err) if !create && matches!(err.kind(), NotFound | NotADirectory) => {
            return Ok(Attempt::Missing);
        }
        file => file.map_err(disk_error("open", path))?,
    };
    match retry_on_intr(|| flock(&file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => Ok(Attempt::Locked(file)),
        Err(Errno::WOULDBLOCK) => Ok(Attempt::Busy),
        Err(err) => Err(disk_error("lock", path)(err.into())),
    }
}

/// Opens a file description for each lock, so that threads of one process exclude each other too.
fn open(path: &Path, create: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(create)
        .truncate(false)
        .mode(0o600)
        .open(path)
}
