//! From what bollard says to what the port says.

use bollard::errors::Error;
use s2i_build::{
    EngineError,
    ports::{BoxError, Operation},
};
use thiserror::Error as ThisError;

/// A message of the engine itself.
#[derive(Debug, ThisError)]
#[error("{0}")]
pub(crate) struct Said(pub(crate) String);

/// Adds to an error of the API what was to be done with what.
pub(crate) fn failed(
    operation: Operation,
    subject: impl Into<String>,
    endpoint: &str,
) -> impl FnOnce(Error) -> EngineError {
    let (subject, endpoint) = (subject.into(), endpoint.to_owned());
    move |err| {
        if is_unreachable(&err) {
            return EngineError::Unreachable {
                endpoint,
                source: cause(err),
            };
        }
        EngineError::Failed {
            operation,
            subject,
            source: cause(err),
        }
    }
}

/// The status that the engine answered with.
pub(crate) fn status(err: &Error) -> Option<u16> {
    match err {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// The engine's own words where it answered, else the whole error.
pub(crate) fn cause(err: Error) -> BoxError {
    match err {
        Error::DockerResponseServerError { message, .. } => Said(message.trim().to_owned()).into(),
        Error::DockerStreamError { error } => Said(error).into(),
        // Its own text repeats that of its cause.
        Error::HyperLegacyError { err } => err.into(),
        err => err.into(),
    }
}

/// Whether nobody is there to talk to.
pub(crate) fn is_unreachable(err: &Error) -> bool {
    match err {
        Error::RequestTimeoutError => true,
        Error::HyperLegacyError { .. }
        | Error::HyperResponseError { .. }
        | Error::HttpClientError { .. }
        | Error::IOError { .. } => has_connection_cause(err),
        _ => false,
    }
}

/// Returns whether this is the error that bollard makes of the line end after the last value of a stream, when the
/// two arrive apart, although everything was received.
///
/// It is the one place where the text of an error decides: `FramedRead` of tokio-util reports bytes after the last
/// value as an `io::Error` of the kind `Other` with this text, and bollard reports a stream that was cut as an
/// `io::Error` of the same kind with the text of hyper's error. Neither has a source or a type of its own.
pub(crate) fn is_only_the_end(err: &Error) -> bool {
    matches!(err, Error::IOError { err } if err.to_string() == "bytes remaining on stream")
}

fn has_connection_cause(err: &Error) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied};
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(err);
    while let Some(err) = cause {
        if let Some(io) = err.downcast_ref::<std::io::Error>() {
            return matches!(io.kind(), ConnectionRefused | NotFound | PermissionDenied);
        }
        cause = err.source();
    }
    false
}
