//! The conversion of bollard's errors to those of the ports.

use bollard::errors::Error;
use s2i_build::{
    EngineError,
    ports::{BoxError, Operation},
};
use thiserror::Error as ThisError;

/// An error message of the engine.
#[derive(Debug, ThisError)]
#[error("{0}")]
pub(crate) struct Said(pub(crate) String);

/// Returns a function that adds the operation and its subject to an error of the API.
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

/// Returns the HTTP status of the engine's error response.
pub(crate) fn status(err: &Error) -> Option<u16> {
    match err {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// Returns the engine's message if it responded, else the whole error.
pub(crate) fn cause(err: Error) -> BoxError {
    match err {
        Error::DockerResponseServerError { message, .. } => Said(message.trim().to_owned()).into(),
        Error::DockerStreamError { error } => Said(error).into(),
        // Its text repeats that of its cause.
        Error::HyperLegacyError { err } => err.into(),
        err => err.into(),
    }
}

/// Returns whether the engine could not be reached.
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
