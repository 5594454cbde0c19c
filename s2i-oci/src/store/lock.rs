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

/// The store can't change while this lives.
#[derive(Debug)]
pub(super) struct Shared(#[expect(dead_code, reason = "unlocked when closed")] File);

/// Nobody else reads or changes the store while this lives.
#[derive(Debug)]
pub(super) struct Exclusive(#[expect(dead_code, reason = "unlocked when closed")] File);

/// One of the two: what is read under it belongs together.
pub(super) trait Held {}
impl Held for Shared {}
impl Held for Exclusive {}

/// Waits for the store's lock, to read.
pub(super) fn shared(layout: &Layout) -> Result<Shared, StoreError> {
    wait(&layout.lock(), FlockOperation::LockShared).map(Shared)
}

/// Waits for the store's lock, to change. Whoever has it does nothing that takes long.
pub(super) fn exclusive(layout: &Layout) -> Result<Exclusive, StoreError> {
    wait(&layout.lock(), FlockOperation::LockExclusive).map(Exclusive)
}

/// Waits until nobody else holds the file, which is made if need be.
pub(super) fn hold(path: &Path) -> Result<File, StoreError> {
    wait(path, FlockOperation::LockExclusive)
}

/// Holds the file, which is made if need be, unless another one does.
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

/// What became of an attempt to hold a file.
pub(super) enum Attempt {
    /// It is held now.
    Held(File),
    /// Somebody else holds it.
    Busy,
    /// It is not there.
    Missing,
}

/// Holds the file if nobody else does. It is not made.
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

/// Every lock has a description of its own, so that threads of one process exclude each other too.
fn open(path: &Path, create: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(create)
        .truncate(false)
        .mode(0o600)
        .open(path)
}
