//! Reading of files from the command line, such as a pipe whose writer is slow.

use s2i_build::{CancelToken, context::or_interrupted, stream::blocking};

use crate::error::Error;

/// Opens or reads files in a separate thread until a signal stops the wait. The thread may continue then, so it
/// must leave nothing behind.
///
/// # Errors
/// Returns the errors of `read`, and the interrupt that stopped it.
pub(crate) async fn reading<T, E>(
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
