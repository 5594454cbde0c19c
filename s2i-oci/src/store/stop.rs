//! Cancels long operations, between two pieces of their input or output.

use std::{
    fmt,
    io::{self, Read, Write},
    sync::Arc,
};

use super::Store;

/// The check that long work makes between two pieces. Its error ends the work.
#[derive(Clone, Default)]
pub(super) struct Check(Option<Arc<dyn Fn() -> io::Result<()> + Send + Sync>>);

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Check" } else { "None" })
    }
}

impl Store {
    /// Returns the same store, whose long operations (unpacking, packing, importing, waiting for the download of
    /// another process) call `check` at least once for each mebibyte, and end with its error in their cause chain; they
    /// leave the same state as after any other error.
    ///
    /// The error must not be of the kind [`io::ErrorKind::Interrupted`], after which reading goes on.
    #[must_use]
    pub fn checked(&self, check: impl Fn() -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self {
            check: Check(Some(Arc::new(check))),
            ..self.clone()
        }
    }

    /// Fails when the operation is to end.
    pub(super) fn check(&self) -> io::Result<()> {
        self.check.0.as_ref().map_or(Ok(()), |check| check())
    }

    /// A reader or writer that calls the check before each piece.
    pub(super) fn watch<T>(&self, stream: T) -> Watched<'_, T> {
        Watched {
            store: self,
            stream,
        }
    }
}

pub(super) struct Watched<'a, T> {
    store: &'a Store,
    stream: T,
}

impl<T: Read> Read for Watched<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.store.check()?;
        self.stream.read(buffer)
    }
}

impl<T: Write> Write for Watched<'_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.store.check()?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
