//! The client of the API, whose errors become those of the ports.

use std::{ops::Deref, path::Path, time::Duration};

use bollard::{
    Docker,
    errors::Error,
    models::ImageInspect,
    query_parameters::{RemoveImageOptionsBuilder, TagImageOptionsBuilder},
};
use hyper_util::client::legacy::connect::HttpConnector;
use hyperlocal::UnixConnector;
use s2i_build::{
    EngineError,
    ports::{BoxError, Operation},
};
use s2i_core::{ErrorChain, ImageRef};
use thiserror::Error as ThisError;

use crate::{endpoint::Endpoint, ssh::Address, transport};

/// The timeout for the response to a commit or a load. It is practically unlimited, because only a stall would be a
/// reason to give up, and the API does not show one.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// The client of an engine, and the address that its errors name.
#[derive(Clone)]
pub(crate) struct Client {
    docker: Docker,
    url: String,
}

impl Deref for Client {
    type Target = Docker;

    fn deref(&self) -> &Docker {
        &self.docker
    }
}

impl Client {
    /// Creates the client of an address; the first call connects.
    pub(crate) fn new(Endpoint { url, tls, from }: &Endpoint) -> Result<Self, EngineError> {
        let timeout = RESPONSE_TIMEOUT.as_secs();
        if let Some(tls) = tls {
            let docker = tls
                .connect(url, timeout)
                .map_err(|err| EngineError::NoEndpoint {
                    reason: format!("{from} names `{url}`: {}", ErrorChain(&err)),
                })?;
            return Ok(Self {
                docker,
                url: url.clone(),
            });
        }
        let docker = match url.split_once("://") {
            Some(("unix", path)) => unix(path, timeout),
            Some(("ssh", address)) => {
                let address = Address::parse(address).map_err(|err| EngineError::NoEndpoint {
                    reason: format!("{from} names `{url}`: {err}"),
                })?;
                address.connect(timeout)
            }
            Some((_, host)) => {
                transport::client(HttpConnector::new(), format!("http://{host}"), 0, timeout)
            }
            None => transport::client(HttpConnector::new(), format!("http://{url}"), 0, timeout),
        };
        let docker = docker.map_err(|err| EngineError::Unreachable {
            endpoint: url.into(),
            source: cause(err),
        })?;
        Ok(Self {
            docker,
            url: url.into(),
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns a function that adds the operation and its subject to an error of the API.
    pub(crate) fn failed<S: Into<String>>(
        &self,
        operation: Operation,
        subject: S,
    ) -> impl FnOnce(Error) -> EngineError + Clone + use<S> {
        let (subject, endpoint) = (subject.into(), self.url.clone());
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

    /// Inspects an image; `None` when the engine does not have it.
    pub(crate) async fn find_image(
        &self,
        image: &ImageRef,
    ) -> Result<Option<ImageInspect>, EngineError> {
        let name = image.to_string();
        match self.inspect_image(&name).await {
            Ok(inspect) => Ok(Some(inspect)),
            Err(err) if status(&err) == Some(404) => Ok(None),
            Err(err) => Err(self.failed(Operation::InspectImage, name)(err)),
        }
    }

    /// Tags the image of this ID.
    pub(crate) async fn tag(&self, id: &str, name: &ImageRef) -> Result<(), EngineError> {
        let options = TagImageOptionsBuilder::new()
            .repo(&name.name())
            .tag(name.tag_or_latest())
            .build();
        let tagged = self.tag_image(id, Some(options)).await;
        tagged.map_err(self.failed(Operation::TagImage, name.to_string()))
    }

    /// Removes the image of this ID, with all its names.
    pub(crate) async fn remove(&self, id: &str) -> Result<(), EngineError> {
        let options = RemoveImageOptionsBuilder::new().force(true).build();
        let removed = self.remove_image(id, Some(options), None).await;
        removed
            .map(drop)
            .map_err(self.failed(Operation::RemoveImage, id))
    }
}

/// Creates the client of a socket.
fn unix(path: &str, timeout: u64) -> Result<Docker, Error> {
    if !Path::new(path).exists() {
        return Err(Error::SocketNotFoundError(path.into()));
    }
    // The connector takes the path as the name of a host.
    let host = base16ct::lower::encode_string(path.as_bytes());
    transport::client(UnixConnector, format!("unix://{host}"), 0, timeout)
}

/// An error message of the engine.
#[derive(Debug, ThisError)]
#[error("{0}")]
pub(crate) struct Message(pub(crate) String);

/// An error response of the engine.
#[derive(Debug, ThisError)]
#[error("{message}")]
pub struct Refusal {
    status: u16,
    message: String,
}

impl Refusal {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns whether the status is one of those by which engines pass on that a registry asks for fewer requests, or
    /// can't answer now. Docker answers most failures of a registry with 500, as it does those that are not temporary.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self.status, 429 | 502..=504)
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
        Error::DockerResponseServerError {
            status_code,
            message,
        } => Refusal {
            status: status_code,
            message: message.trim().to_owned(),
        }
        .into(),
        Error::DockerStreamError { error } => Message(error).into(),
        // Its text repeats that of its cause.
        Error::HyperLegacyError { err } => err.into(),
        err => err.into(),
    }
}

/// Returns whether the engine could not be reached.
pub(crate) fn is_unreachable(err: &Error) -> bool {
    match err {
        Error::RequestTimeoutError => true,
        Error::HyperLegacyError { err } if err.is_connect() => true,
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
        // A server that speaks TLS, or another protocol.
        if let Some(hyper) = err.downcast_ref::<hyper::Error>()
            && hyper.is_parse()
        {
            return true;
        }
        if let Some(io) = err.downcast_ref::<std::io::Error>() {
            return is_tls(io)
                || matches!(io.kind(), ConnectionRefused | NotFound | PermissionDenied);
        }
        cause = err.source();
    }
    false
}

/// Returns whether TLS failed: one of the two sides does not accept the other, or does not know TLS. The error is
/// inside of others, of which `source` skips some.
fn is_tls(io: &std::io::Error) -> bool {
    io.get_ref().is_some_and(|inner| {
        inner.is::<rustls::Error>() || inner.downcast_ref::<std::io::Error>().is_some_and(is_tls)
    })
}
