//! HTTP with limits: time until an answer, least rate and length of bodies, retries.

mod address;
mod certificates;
mod client;
mod pace;
mod retry;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use bytes::Bytes;
use reqwest::{
    Client, Request, Response, StatusCode, Url,
    header::{AsHeaderName, HeaderMap, RETRY_AFTER},
};
use s2i_core::Printable;
use serde::Deserialize;

pub(super) use address::{Trust, base_url};
pub(super) use certificates::extra_authorities;
pub(super) use pace::Pace;
pub(super) use retry::{ATTEMPTS, Backoff};

use super::{
    error::{AttemptError, ProtocolError, RegistryError},
    operation::Operation,
    options::{LeastRate, Options},
};

/// The longest error body that is read, in bytes.
const ERROR_BODY: usize = 16 * 1024;
/// The longest message of a registry that is shown, in characters.
const MESSAGE: usize = 300;

/// The HTTP client for one registry and the services that it leads to.
#[derive(Debug)]
pub(super) struct Http {
    registry: String,
    pub(super) trust: Trust,
    pub(super) client: Client,
    /// The time that nothing may move.
    pub(super) stall: Duration,
    pub(super) least_rate: LeastRate,
    retry_pause: Duration,
    has_answered: AtomicBool,
}

impl Http {
    /// The client for a registry. Opens no connection.
    pub(super) fn new(
        registry: &str,
        trust: Trust,
        options: &Options,
    ) -> Result<Self, RegistryError> {
        Ok(Self {
            registry: registry.into(),
            client: client::client(registry, &trust, options)?,
            trust,
            stall: options.stall,
            least_rate: options.least_rate,
            retry_pause: options.retry_pause,
            has_answered: AtomicBool::new(false),
        })
    }

    /// Returns the attempts of an operation, at least one.
    pub(super) fn backoff(&self, attempts: u32) -> Backoff {
        Backoff::new(attempts, self.retry_pause)
    }

    /// Returns whether a server speaks HTTP without TLS at this URL. A server with TLS answers that the request is
    /// bad, or not at all.
    pub(super) async fn is_plain(&self, url: &Url) -> Result<bool, AttemptError> {
        let sent = self.client.get(url.clone()).send();
        match tokio::time::timeout(self.stall, sent).await {
            Ok(Ok(response)) => {
                Ok(response.status() != StatusCode::BAD_REQUEST
                    && response.url().scheme() == "http")
            }
            // Without a port in the name, HTTP and HTTPS have different ones.
            Ok(Err(err)) if err.is_connect() && url.port().is_some() => {
                Err(self.connection_error(err.without_url()))
            }
            Ok(Err(_)) | Err(_) => Ok(false),
        }
    }

    /// Returns whether a server has TLS at this URL.
    pub(super) async fn has_tls(&self, url: &Url) -> bool {
        let sent = self.client.get(url.clone()).send();
        matches!(tokio::time::timeout(self.stall, sent).await, Ok(Ok(_)))
    }

    /// Sends a request and waits for the response, of any status.
    pub(super) async fn execute(
        &self,
        request: Request,
        operation: &Operation,
    ) -> Result<Response, AttemptError> {
        let response = self.timed(self.client.execute(request), operation).await?;
        self.has_answered.store(true, Ordering::Relaxed);
        Ok(response)
    }

    /// Waits as long as nothing may move.
    async fn timed<T>(
        &self,
        transfer: impl Future<Output = reqwest::Result<T>>,
        operation: &Operation,
    ) -> Result<T, AttemptError> {
        match tokio::time::timeout(self.stall, transfer).await {
            Ok(moved) => moved.map_err(|err| self.request_error(err, operation)),
            Err(_) => Err(operation.retryable(ProtocolError::Stalled(self.stall))),
        }
    }

    /// Returns the error for a request without a response.
    pub(super) fn request_error(&self, err: reqwest::Error, operation: &Operation) -> AttemptError {
        // URLs of storage services grant access like passwords.
        let err = err.without_url();
        if err.is_connect() || is_tls(&err) {
            return self.connection_error(err);
        }
        if err.is_builder() || err.is_redirect() {
            return operation.error(err).into();
        }
        operation.retryable(err)
    }

    /// Returns the error for a connection that failed. It is final for a registry that never answered.
    fn connection_error(&self, err: reqwest::Error) -> AttemptError {
        let registry = self.registry.clone();
        if is_tls(&err) {
            let source = err.into();
            return RegistryError::Tls { registry, source }.into();
        }
        let source = err.into();
        let error = RegistryError::Unreachable { registry, source };
        if self.has_answered.load(Ordering::Relaxed) {
            AttemptError::retryable(error)
        } else {
            error.into()
        }
    }

    /// Returns the response if its status is one of success, else the error for the status.
    pub(super) async fn check(
        &self,
        response: Response,
        operation: &Operation,
    ) -> Result<Response, AttemptError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let after = retry_after(response.headers());
        let message = match self.read(response, ERROR_BODY, operation).await {
            Ok(body) => error_message(&body),
            Err(_) => String::new(),
        };
        let answer = match message.as_str() {
            "" => status.to_string(),
            message => format!("{status}: {message}"),
        };
        let is_temporary = status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT;
        let cause = if is_temporary || status == StatusCode::TOO_MANY_REQUESTS {
            ProtocolError::Unavailable(answer)
        } else {
            ProtocolError::Status(answer)
        };
        match status {
            // A storage service refuses a link that has expired.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(operation.retryable(cause)),
            StatusCode::TOO_MANY_REQUESTS => Err(AttemptError::Retryable {
                error: RegistryError::RateLimited {
                    registry: operation.registry.clone(),
                    repository: operation.scope.repository.clone(),
                    source: cause.into(),
                },
                after,
            }),
            _ if is_temporary => {
                let error = operation.error(cause);
                Err(AttemptError::Retryable { error, after })
            }
            _ => Err(operation.error(cause).into()),
        }
    }

    /// Reads a body of at most `limit` bytes.
    pub(super) async fn read(
        &self,
        mut response: Response,
        limit: usize,
        operation: &Operation,
    ) -> Result<Vec<u8>, AttemptError> {
        let mut body = Vec::new();
        let mut pace = Pace::new(self.least_rate);
        while let Some(chunk) = self.chunk(&mut response, &mut pace, operation).await? {
            if chunk.len() > limit - body.len() {
                return Err(operation.error(ProtocolError::TooLong(limit)).into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Returns the next part of a body, within the limits of time.
    pub(super) async fn chunk(
        &self,
        response: &mut Response,
        pace: &mut Pace,
        operation: &Operation,
    ) -> Result<Option<Bytes>, AttemptError> {
        let chunk = self.timed(response.chunk(), operation).await?;
        if let Some(bytes) = &chunk {
            let in_time = pace.count(bytes.len());
            in_time.map_err(|slow| operation.retryable(slow))?;
        }
        Ok(chunk)
    }
}

/// The header with the digest of the content.
pub(super) const CONTENT_DIGEST: &str = "docker-content-digest";

/// Returns the text of a header.
pub(super) fn header_text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Returns the pause that a registry asks for, in seconds. The form with a date is ignored.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = header_text(headers, RETRY_AFTER)?.trim().parse();
    seconds.ok().map(Duration::from_secs)
}

/// Returns the messages of the registry in a body, in one line that a terminal can show.
fn error_message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct ErrorBody {
        errors: Vec<ErrorEntry>,
    }
    #[derive(Deserialize)]
    struct ErrorEntry {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let Ok(ErrorBody { errors }) = serde_json::from_slice(body) else {
        return String::new();
    };
    let texts = errors.iter().map(|entry| match entry.message.as_str() {
        "" => entry.code.clone(),
        message => format!("{message} ({})", entry.code),
    });
    let text = texts.collect::<Vec<_>>().join(", ");
    let shown = Printable::line(&text);
    shown.as_str().chars().take(MESSAGE).collect()
}

/// Returns whether TLS itself failed, not the connection below it.
fn is_tls(err: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(err);
    while let Some(err) = next {
        if err.is::<rustls::Error>() {
            return true;
        }
        // An I/O error does not include its inner error in its sources.
        let inner = err.downcast_ref::<std::io::Error>();
        next = match inner.and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => err.source(),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_of_the_protocol_are_shown() {
        for (body, expected) in [
            (
                r#"{"errors":[{"code":"DENIED","message":"no\u001b[31m","detail":{"x":1}},{"code":"B"}]}"#,
                "no (DENIED), B",
            ),
            ("<html>", ""),
            (r#"{"errors":null}"#, ""),
        ] {
            assert_eq!(error_message(body.as_bytes()), expected);
        }
        let long = format!(r#"{{"errors":[{{"message":"{}"}}]}}"#, "ä".repeat(1000));
        assert_eq!(error_message(long.as_bytes()).chars().count(), MESSAGE);
    }
}
