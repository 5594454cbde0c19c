//! The file of a blob, which may arrive in several attempts.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Sink, Write as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{Digest, HashingWriter, registry::error::RegistryError};

/// The number of pieces that may wait for the disk.
const QUEUE: usize = 16;

/// The part of a blob that has arrived.
pub(super) struct Partial {
    path: PathBuf,
    file: File,
    hash: HashingWriter<Sink>,
    size: u64,
    /// True if some of it was in the file before.
    pub(super) is_old: bool,
}

impl Partial {
    /// Opens the file, which need not exist, and reads its content. A file that is longer than `size` bytes is emptied.
    pub(super) async fn open(path: &Path, size: u64) -> Result<Self, RegistryError> {
        let path = path.to_owned();
        blocking(move || Self::open_now(path, size)).await
    }

    fn open_now(path: PathBuf, size: u64) -> Result<Self, RegistryError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path);
        let file = file.map_err(RegistryError::file("open", &path))?;
        let metadata = file.metadata();
        let found = metadata.map_err(RegistryError::file("open", &path))?.len();
        let mut partial = Self {
            path,
            file,
            hash: HashingWriter::new(io::sink()),
            size: found,
            is_old: found > 0,
        };
        if found > size {
            partial.clear_now()?;
        } else {
            io::copy(&mut partial.file, &mut partial.hash)
                .map_err(RegistryError::file("read", &partial.path))?;
        }
        Ok(partial)
    }

    /// The number of bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Empties the file.
    pub(super) async fn clear(mut self) -> Result<Self, RegistryError> {
        blocking(move || self.clear_now().map(|()| self)).await
    }

    fn clear_now(&mut self) -> Result<(), RegistryError> {
        let emptied = self.file.set_len(0);
        emptied
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .map_err(RegistryError::file("empty", &self.path))?;
        self.hash = HashingWriter::new(io::sink());
        self.size = 0;
        self.is_old = false;
        Ok(())
    }

    /// Appends everything that is sent into the channel, and returns when that is closed.
    pub(super) fn fill(mut self) -> (mpsc::Sender<Bytes>, JoinHandle<Result<Self, RegistryError>>) {
        let (sender, mut receiver) = mpsc::channel::<Bytes>(QUEUE);
        let filling = tokio::task::spawn_blocking(move || {
            while let Some(bytes) = receiver.blocking_recv() {
                let written = self.file.write_all(&bytes);
                let written = written.and_then(|()| self.hash.write_all(&bytes));
                written.map_err(RegistryError::file("write", &self.path))?;
                self.size += bytes.len() as u64;
            }
            Ok(self)
        });
        (sender, filling)
    }

    /// Returns the digest of the whole blob. Nothing can be appended afterwards.
    pub(super) fn digest(&mut self) -> Digest {
        let hash = std::mem::replace(&mut self.hash, HashingWriter::new(io::sink()));
        hash.finish().1
    }
}

/// Runs work that waits for the disk on a thread for blocking work.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RegistryError> + Send + 'static,
) -> Result<T, RegistryError> {
    joined(tokio::task::spawn_blocking(work)).await
}

/// Returns the result of a task for blocking work.
///
/// # Panics
/// The task panicked, or the runtime is shutting down.
pub(super) async fn joined<T>(task: JoinHandle<T>) -> T {
    task.await
        .expect("blocking work neither panics nor is cancelled")
}
