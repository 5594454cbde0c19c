//! Files of the command line. Opening or reading one may take forever, such as a pipe without a writer.

use std::{
    fs::{File, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use s2i_build::{CancelToken, context::or_interrupted, stream::blocking};
use s2i_core::bounds;
use tempfile::NamedTempFile;

use crate::error::Error;

/// Opens or reads files in a separate thread until a signal stops the wait. The thread may continue then, so it
/// must leave nothing behind.
///
/// # Errors
/// Returns the errors of `read`, and the interrupt that stopped it.
pub(crate) async fn interruptible<T, E>(
    read: impl FnOnce() -> Result<T, E> + Send + 'static,
    cancel: &CancelToken,
) -> Result<T, Error>
where
    T: Send + 'static,
    E: Into<Error> + Send + 'static,
{
    let read = async {
        blocking(read)
            .await
            .map_err(Error::Runtime)?
            .map_err(Into::into)
    };
    or_interrupted(read, cancel).await
}

/// Reads a text file of limited size.
///
/// # Errors
/// Returns [`Error::ReadFile`].
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    bounds::read_text_file(path, bounds::FILE).map_err(|source| Error::ReadFile {
        path: path.to_owned(),
        source,
    })
}

/// A file that is written completely or not at all.
pub(crate) struct NewFile {
    temporary: NamedTempFile,
    target: PathBuf,
}

impl NewFile {
    /// Creates a temporary file in the directory of the path. A link at the path stays, and its target is replaced.
    ///
    /// # Errors
    /// Errors of the file system: the directory does not exist or can't be written to.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let target = path.canonicalize().unwrap_or_else(|_| path.into());
        let temporary = tempfile::Builder::new()
            .prefix(".s2i-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(target.parent().unwrap_or(Path::new("/")))?;
        Ok(Self { temporary, target })
    }

    pub(crate) fn as_file(&self) -> &File {
        self.temporary.as_file()
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// Errors of the file system.
    pub(crate) fn persist(self) -> io::Result<()> {
        let persisted = self.temporary.persist(&self.target);
        persisted.map(drop).map_err(|err| err.error)
    }
}

/// Returns whether the path is a device or a pipe, which is written to directly. Links in `/dev` lead to open files.
pub(crate) fn is_special(path: &Path) -> bool {
    path.exists() && (!path.is_file() || path.starts_with("/dev"))
}

/// Checks that a file can be written, as far as that is known before.
///
/// # Errors
/// Returns [`Error::WriteFile`].
pub(crate) fn check_writable(path: &Path) -> Result<(), Error> {
    let checked = if path.is_dir() {
        Err(io::ErrorKind::IsADirectory.into())
    } else if is_special(path) {
        Ok(())
    } else {
        NewFile::create(path).map(drop)
    };
    checked.map_err(|source| Error::WriteFile {
        path: path.into(),
        source,
    })
}

/// Writes a text file completely or not at all.
///
/// # Errors
/// Returns [`Error::WriteFile`].
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Error> {
    let write = || {
        if is_special(path) {
            return File::options()
                .write(true)
                .open(path)?
                .write_all(text.as_bytes());
        }
        let file = NewFile::create(path)?;
        file.as_file().write_all(text.as_bytes())?;
        file.persist()
    };
    write().map_err(|source| Error::WriteFile {
        path: path.into(),
        source,
    })
}

/// Removes a regular file, if there is one. A link and its target stay.
///
/// # Errors
/// Returns [`Error::WriteFile`].
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    let is_file = path.symlink_metadata().is_ok_and(|found| found.is_file());
    if !is_file {
        return Ok(());
    }
    std::fs::remove_file(path).map_err(|source| Error::WriteFile {
        path: path.into(),
        source,
    })
}
