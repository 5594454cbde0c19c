//! Locks on files, which end with the process that holds them.

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

use super::{
    error::{StoreError, disk},
    layout::Layout,
};

/// The shared lock: the store can't change while it is held.
#[derive(Debug)]
pub(super) struct Shared(#[expect(dead_code, reason = "unlocked when closed")] File);

/// The exclusive lock: no other process reads or changes the store while it is held.
#[derive(Debug)]
pub(super) struct Exclusive(#[expect(dead_code, reason = "unlocked when closed")] File);

/// Either lock. Data that is read under it is consistent.
pub(super) trait Held {}
impl Held for Shared {}
impl Held for Exclusive {}

/// Waits for the store's lock, for reading.
pub(super) fn shared(layout: &Layout) -> Result<Shared, StoreError> {
    wait(&layout.lock(), FlockOperation::LockShared).map(Shared)
}

/// Waits for the store's lock, for changes. It is held for short operations only.
pub(super) fn exclusive(layout: &Layout) -> Result<Exclusive, StoreError> {
    wait(&layout.lock(), FlockOperation::LockExclusive).map(Exclusive)
}

/// Waits for the lock on the file, which is created if it does not exist.
pub(super) fn hold(path: &Path) -> Result<File, StoreError> {
    wait(path, FlockOperation::LockExclusive)
}

/// Locks the file, which is created if it does not exist, unless it is locked already.
pub(super) fn try_hold(path: &Path) -> Result<Option<File>, StoreError> {
    let file = open(path, true).map_err(disk("open", path))?;
    match retry_on_intr(|| flock(&file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(err) => Err(disk("lock", path)(err.into())),
    }
}

fn wait(path: &Path, operation: FlockOperation) -> Result<File, StoreError> {
    let file = open(path, true).map_err(disk("open", path))?;
    retry_on_intr(|| flock(&file, operation)).map_err(|err| disk("lock", path)(err.into()))?;
    Ok(file)
}

/// The result of an attempt to lock a file.
pub(super) enum Attempt {
    /// The file is locked now.
    Held(File),
    /// The file is locked already.
    Busy,
    /// The file does not exist.
    Missing,
}

/// Locks the file unless it is locked already. The file is not created.
pub(super) fn attempt(path: &Path) -> Result<Attempt, StoreError> {
    let file = match open(path, false) {
        Ok(file) => file,
        Err(err) if is_missing(&err) => return Ok(Attempt::Missing),
        Err(err) => return Err(disk("open", path)(err)),
    };
    match retry_on_intr(|| flock(&file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => Ok(Attempt::Held(file)),
        Err(Errno::WOULDBLOCK) => Ok(Attempt::Busy),
        Err(err) => Err(disk("lock", path)(err.into())),
    }
}

fn is_missing(err: &io::Error) -> bool {
    matches!(
        err.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
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
