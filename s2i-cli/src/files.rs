//! Files of the command line. Opening or reading one may take forever, such as a pipe without a writer.

use std::path::Path;

use s2i_build::{CancelToken, context::or_interrupted, stream::blocking};
use s2i_core::bounds;

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
