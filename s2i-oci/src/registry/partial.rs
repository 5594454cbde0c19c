//! A blob that arrives in a file, perhaps not all at once.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Sink, Write as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use tokio::{sync::mpsc, task::JoinHandle};

use super::error::RegistryError;
use crate::{Digest, HashingWriter};

/// How many pieces may wait for the disk.
const QUEUE: usize = 16;

/// What is there of a blob.
pub(super) struct Partial {
    path: PathBuf,
    file: File,
    hash: HashingWriter<Sink>,
    size: u64,
    /// Whether some of it was there before this process wrote any.
    pub(super) is_old: bool,
}

impl Partial {
    /// Opens the file, which need not exist, and reads what is there. A file that is longer than
    /// `size` bytes is emptied.
    pub(super) async fn open(path: &Path, size: u64) -> Result<Self, RegistryError> {
        let path = path.to_owned();
        blocking(move || Self::open_now(path, size)).await
    }

    fn open_now(path: PathBuf, size: u64) -> Result<Self, RegistryError> {
        let failed = |source| failed("open", &path, source);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(failed)?;
        let there = file.metadata().map_err(failed)?.len();
        let mut partial = Self {
            path,
            file,
            hash: HashingWriter::new(io::sink()),
            size: there,
            is_old: there > 0,
        };
        if there > size {
            partial.clear_now()?;
        } else {
            io::copy(&mut partial.file, &mut partial.hash)
                .map_err(|source| self::failed("read", &partial.path, source))?;
        }
        Ok(partial)
    }

    /// How many bytes are there.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Forgets everything.
    pub(super) async fn clear(mut self) -> Result<Self, RegistryError> {
        blocking(move || self.clear_now().map(|()| self)).await
    }

    fn clear_now(&mut self) -> Result<(), RegistryError> {
        let emptied = self.file.set_len(0);
        emptied
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .map_err(|source| failed("empty", &self.path, source))?;
        self.hash = HashingWriter::new(io::sink());
        self.size = 0;
        self.is_old = false;
        Ok(())
    }

    /// Adds everything that is sent into the channel, until that is closed, and comes back.
    pub(super) fn fill(mut self) -> (mpsc::Sender<Bytes>, JoinHandle<Result<Self, RegistryError>>) {
        let (sender, mut receiver) = mpsc::channel::<Bytes>(QUEUE);
        let filling = tokio::task::spawn_blocking(move || {
            while let Some(bytes) = receiver.blocking_recv() {
                let written = self.file.write_all(&bytes);
                let written = written.and_then(|()| self.hash.write_all(&bytes));
                written.map_err(|source| failed("write", &self.path, source))?;
                self.size += bytes.len() as u64;
            }
            Ok(self)
        });
        (sender, filling)
    }

    /// The digest of what is there, which is all of it: nothing can be added afterwards.
    pub(super) fn digest(&mut self) -> Digest {
        let hash = std::mem::replace(&mut self.hash, HashingWriter::new(io::sink()));
        hash.finish().1
    }
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> RegistryError {
    RegistryError::File {
        operation,
        path: path.into(),
        source,
    }
}

/// Does what waits for the disk where that stops nobody else.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RegistryError> + Send + 'static,
) -> Result<T, RegistryError> {
    joined(tokio::task::spawn_blocking(work)).await
}

/// What a task for blocking work came to.
///
/// # Panics
/// The task panicked, or the runtime is shutting down.
pub(super) async fn joined<T>(task: JoinHandle<T>) -> T {
    task.await
        .expect("blocking work neither panics nor is cancelled")
}
