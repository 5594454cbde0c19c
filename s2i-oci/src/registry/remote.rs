//! One repository on one host: how requests are sent there and what their answers mean.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use reqwest::{
    Method, Request, Response, StatusCode, Url,
    header::{AUTHORIZATION, HeaderMap, RETRY_AFTER},
};
use s2i_core::{ErrorChain, Printable};
use serde::Deserialize;

use super::{
    auth::Scope,
    error::{Cause, Failure, RegistryError, Trouble},
    host::Host,
    pace::Pace,
    retry::Backoff,
};

/// How much of an error's text is read, in bytes, and shown, in characters.
const SAID: (usize, usize) = (16 * 1024, 300);

/// A repository on a host.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    pub(super) host: Arc<Host>,
    pub(super) repository: String,
    is_mirror: bool,
}

impl Remote {
    pub(super) fn new(host: Arc<Host>, repository: String) -> Self {
        Self {
            host,
            repository,
            is_mirror: false,
        }
    }

    pub(super) fn mirror(host: Arc<Host>, repository: String) -> Self {
        Self {
            is_mirror: true,
            ..Self::new(host, repository)
        }
    }

    /// Whether it is worth while to ask there.
    pub(super) fn is_up(&self) -> bool {
        self.host.is_up()
    }

    /// Notes that a mirror failed; one that is not there is not asked again.
    pub(super) fn failed_as_mirror(&self, error: &RegistryError) {
        tracing::debug!(mirror = self.host.name, error = %ErrorChain(error), "mirror failed");
        if matches!(
            error,
            RegistryError::Unreachable { .. } | RegistryError::Tls { .. }
        ) {
            self.host.give_up();
        }
    }

    pub(super) fn backoff(&self) -> Backoff {
        if self.is_mirror {
            Backoff::impatient()
        } else {
            Backoff::patient()
        }
    }

    /// The URL of something in the repository, for example `manifests/latest`.
    pub(super) async fn url(&self, path: &str) -> Result<Url, Failure> {
        let mut url = self.host.base().await?.clone();
        url.set_path(&format!("/v2/{}/{path}", self.repository));
        Ok(url)
    }

    /// An error about this repository; `operation` as in `can't {operation} the repository`.
    pub(super) fn other(&self, operation: &'static str, source: Cause) -> RegistryError {
        RegistryError::Other {
            registry: self.host.name.clone(),
            repository: self.repository.clone(),
            operation,
            source,
        }
    }

    pub(super) fn trouble(&self, operation: &'static str, trouble: Trouble) -> RegistryError {
        self.other(operation, Box::new(trouble))
    }

    /// Sends a request without a body that streams, with credentials where the registry wants them
    /// and where they may go. The answer may have any status.
    pub(super) async fn send(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        scope: &Scope,
        operation: &'static str,
    ) -> Result<Response, Failure> {
        let mut request = Request::new(method, url);
        *request.headers_mut() = headers;
        self.send_request(request, scope, operation).await
    }

    /// The same for any request whose body does not stream.
    pub(super) async fn send_request(
        &self,
        mut request: Request,
        scope: &Scope,
        operation: &'static str,
    ) -> Result<Response, Failure> {
        let again = request.try_clone();
        let used = self.authorize(&mut request, scope).await?;
        let answer = self.execute(request, operation).await?;
        let is_challenge =
            answer.status() == StatusCode::UNAUTHORIZED && self.host.is_own(answer.url()).await?;
        let Some(mut request) = again.filter(|_| is_challenge) else {
            return Ok(answer);
        };
        let header = self.login(answer.headers(), used, scope).await?;
        request.headers_mut().insert(AUTHORIZATION, header);
        self.execute(request, operation).await
    }

    async fn execute(
        &self,
        request: Request,
        operation: &'static str,
    ) -> Result<Response, Failure> {
        let sent = self.host.client.execute(request);
        self.host
            .answer(sent, &|cause| self.other(operation, cause))
            .await
    }

    /// The answer if its status is one of success, else what the failure means.
    pub(super) async fn check(
        &self,
        answer: Response,
        scope: &Scope,
        operation: &'static str,
    ) -> Result<Response, Failure> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let is_own = self.host.is_own(answer.url()).await?;
        let after = retry_after(answer.headers());
        let said = match self.read(answer, SAID.0, operation).await {
            Ok(body) => said(&body),
            Err(_) => String::new(),
        };
        let status_text = status.to_string();
        let cause = Box::new(Trouble::Status {
            status: status_text,
            said,
        });
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if is_own => {
                Err(self.denied(scope).await.into())
            }
            // What a storage service refuses is a link that was valid for a while.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(Failure::again(self.other(operation, cause)))
            }
            StatusCode::TOO_MANY_REQUESTS => Err(Failure::Again {
                error: RegistryError::RateLimited {
                    registry: self.host.name.clone(),
                    repository: self.repository.clone(),
                    source: cause,
                },
                after,
            }),
            _ if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                let error = self.other(operation, cause);
                Err(Failure::Again { error, after })
            }
            _ => Err(self.other(operation, cause).into()),
        }
    }

    /// Reads a body of at most `limit` bytes.
    pub(super) async fn read(
        &self,
        mut answer: Response,
        limit: usize,
        operation: &'static str,
    ) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        let mut pace = Pace::new(self.host.least_rate);
        while let Some(chunk) = self.chunk(&mut answer, &mut pace, operation).await? {
            if chunk.len() > limit - body.len() {
                return Err(self.trouble(operation, Trouble::TooLong(limit)).into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The next part of a body, which must come in time and not be one of too few bytes.
    pub(super) async fn chunk(
        &self,
        answer: &mut Response,
        pace: &mut Pace,
        operation: &'static str,
    ) -> Result<Option<Bytes>, Failure> {
        let other = |cause| self.other(operation, cause);
        match tokio::time::timeout(self.host.stall, answer.chunk()).await {
            Err(_) => Err(Failure::again(
                self.trouble(operation, Trouble::Stalled(self.host.stall)),
            )),
            Ok(Err(err)) => Err(self.host.failed(err, &other)),
            Ok(Ok(Some(chunk))) => match pace.came(chunk.len()) {
                Ok(()) => Ok(Some(chunk)),
                Err(slow) => Err(Failure::again(self.trouble(operation, slow))),
            },
            Ok(Ok(None)) => Ok(None),
        }
    }
}

/// The pause that a registry asks for. A date instead of seconds is left out: then the pauses are
/// our own.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse();
    seconds.ok().map(Duration::from_secs)
}

/// The registry's own words in a body, in one line that a terminal can show.
fn said(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<Said>,
    }
    #[derive(Deserialize)]
    struct Said {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let Ok(Errors { errors }) = serde_json::from_slice(body) else {
        return String::new();
    };
    let texts = errors.iter().map(|said| match said.message.as_str() {
        "" => said.code.clone(),
        message => format!("{message} ({})", said.code),
    });
    let text = texts.collect::<Vec<_>>().join(", ");
    let shown = Printable::line(&text);
    shown.as_str().chars().take(SAID.1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_words_of_the_protocol_are_shown() {
        for (body, expected) in [
            (
                r#"{"errors":[{"code":"DENIED","message":"no\u001b[31m","detail":{"x":1}},{"code":"B"}]}"#,
                "no (DENIED), B",
            ),
            ("<html>", ""),
            (r#"{"errors":null}"#, ""),
        ] {
            assert_eq!(said(body.as_bytes()), expected);
        }
        let long = format!(r#"{{"errors":[{{"message":"{}"}}]}}"#, "ä".repeat(1000));
        assert_eq!(said(long.as_bytes()).chars().count(), 300);
    }
}
