//! Reading what the user names: a file may be a pipe whose writer takes its time.

use s2i_build::{CancelToken, context::or_interrupted, stream::blocking};

use crate::error::Error;

/// Opens or reads files on a thread of its own, until signals stop it. The thread may go on then: it must leave
/// nothing behind.
///
/// # Errors
/// Errors of `read`, and the interrupt that stopped it.
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
