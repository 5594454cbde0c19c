//! A registry's host: how it is reached, and what was learnt about it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use reqwest::{Client, Response, StatusCode, Url};
use s2i_core::ImageRef;
use tokio::sync::{Mutex, OnceCell};

use super::{
    LeastRate, Options, auth,
    client::client,
    error::{Cause, Failure, RegistryError, Trouble},
    loopback::is_loopback,
};
use crate::credentials::{CredentialStore, config::normalized};

/// A host that serves a registry.
#[derive(Debug)]
pub(super) struct Host {
    /// As image names have it.
    pub(super) name: String,
    /// Whether it is this machine.
    pub(super) loopback: bool,
    pub(super) client: Client,
    pub(super) credentials: CredentialStore,
    pub(super) auth: Mutex<auth::State>,
    /// How long nothing may move.
    pub(super) stall: Duration,
    pub(super) least_rate: LeastRate,
    /// `https://HOST/v2/`.
    secure: Url,
    /// `http://HOST/v2/`, for a host on loopback.
    plain: Url,
    base: OnceCell<Url>,
    answered: AtomicBool,
    down: AtomicBool,
}

impl Host {
    /// The host with this name, in lower case. Opens no connection.
    pub(super) fn new(name: &str, options: &Options) -> Result<Self, RegistryError> {
        let address = if name == ImageRef::DEFAULT_REGISTRY {
            "registry-1.docker.io"
        } else {
            name
        };
        let url = |scheme| {
            url(scheme, address).ok_or_else(|| RegistryError::Unreachable {
                registry: name.into(),
                source: Box::new(Trouble::Host(name.into())),
            })
        };
        let secure = url("https")?;
        let loopback = is_loopback(&secure);
        Ok(Self {
            name: name.into(),
            loopback,
            client: client(name, loopback, options)?,
            credentials: options.credentials.clone(),
            auth: Mutex::default(),
            stall: options.stall,
            least_rate: options.least_rate,
            secure,
            plain: url("http")?,
            base: OnceCell::new(),
            answered: AtomicBool::new(false),
            down: AtomicBool::new(false),
        })
    }

    /// The URL that everything is below.
    pub(super) async fn base(&self) -> Result<&Url, Failure> {
        if !self.loopback {
            return Ok(&self.secure);
        }
        self.base.get_or_try_init(|| self.probe()).await
    }

    /// Finds out whether a registry on loopback is encrypted. One that is takes a request without
    /// encryption for a bad one, or for none.
    async fn probe(&self) -> Result<Url, Failure> {
        let sent = self.client.get(self.plain.clone()).send();
        let unreachable = |cause| self.unreachable(cause);
        let is_plain = match tokio::time::timeout(self.stall, sent).await {
            Ok(Ok(answer)) => {
                answer.status() != StatusCode::BAD_REQUEST && answer.url().scheme() == "http"
            }
            // Without a port in its name, the two have one each.
            Ok(Err(err)) if err.is_connect() && self.plain.port().is_some() => {
                return Err(self.failed(err, &unreachable));
            }
            Ok(Err(_)) | Err(_) => false,
        };
        Ok(if is_plain { &self.plain } else { &self.secure }.clone())
    }

    /// Whether the URL is of this host, so that it may see what this host's credentials are.
    pub(super) async fn is_own(&self, url: &Url) -> Result<bool, Failure> {
        Ok(url.origin() == self.base().await?.origin())
    }

    /// Waits for an answer, or until it takes too long for one to come. `other` makes an error of
    /// what is neither the connection nor TLS.
    pub(super) async fn answer(
        &self,
        sent: impl Future<Output = reqwest::Result<Response>>,
        other: &(dyn Fn(Cause) -> RegistryError + Sync),
    ) -> Result<Response, Failure> {
        match tokio::time::timeout(self.stall, sent).await {
            Err(_) => Err(Failure::again(other(Box::new(Trouble::Stalled(
                self.stall,
            ))))),
            Ok(Err(err)) => Err(self.failed(err, other)),
            Ok(Ok(answer)) => {
                self.answered.store(true, Ordering::Relaxed);
                Ok(answer)
            }
        }
    }

    /// Takes it for a host that is not there.
    pub(super) fn give_up(&self) {
        self.down.store(true, Ordering::Relaxed);
    }

    /// Whether nobody gave it up yet.
    pub(super) fn is_up(&self) -> bool {
        !self.down.load(Ordering::Relaxed)
    }

    /// What a request without an answer means. A host that never answered is not waited for.
    pub(super) fn failed(
        &self,
        err: reqwest::Error,
        other: &(dyn Fn(Cause) -> RegistryError + Sync),
    ) -> Failure {
        // URLs of storage services are as good as passwords.
        let err = err.without_url();
        if is_tls(&err) {
            return Failure::Final(RegistryError::Tls {
                registry: self.name.clone(),
                source: Box::new(err),
            });
        }
        if err.is_connect() {
            let error = self.unreachable(Box::new(err));
            return if self.answered.load(Ordering::Relaxed) {
                Failure::again(error)
            } else {
                Failure::Final(error)
            };
        }
        if err.is_builder() || err.is_redirect() {
            return Failure::Final(other(Box::new(err)));
        }
        Failure::again(other(Box::new(err)))
    }

    fn unreachable(&self, source: Cause) -> RegistryError {
        RegistryError::Unreachable {
            registry: self.name.clone(),
            source,
        }
    }
}

/// The URL of a registry at this address, which must be no more than a host and perhaps a port.
fn url(scheme: &str, address: &str) -> Option<Url> {
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    let is_address = address.chars().all(is_host) && address.contains(|c| c != '.');
    let url = Url::parse(&format!("{scheme}://{address}/v2/")).ok()?;
    is_address.then_some(url)
}

/// Returns the name that image names have for a registry, from a text that a user has typed: `host` or `host:port`,
/// perhaps with a scheme, a version, capitals, or as another host of Docker Hub.
///
/// ```
/// use s2i_oci::registry::registry_name;
///
/// assert_eq!(registry_name("https://index.docker.io/v1/").as_deref(), Some("docker.io"));
/// assert_eq!(registry_name("Registry.example.org:5000").as_deref(), Some("registry.example.org:5000"));
/// assert_eq!(registry_name("registry.example.org/team"), None);
/// ```
#[must_use]
pub fn registry_name(text: &str) -> Option<String> {
    let name = normalized(&text.to_ascii_lowercase());
    url("https", &name).is_some().then_some(name)
}

/// Whether TLS itself failed, not the connection below it.
fn is_tls(err: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(err);
    while let Some(err) = next {
        if err.is::<rustls::Error>() {
            return true;
        }
        // An I/O error hides what it wraps from its sources.
        let inner = err.downcast_ref::<std::io::Error>();
        let inner = inner.and_then(std::io::Error::get_ref);
        next = match inner {
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
    fn an_address_is_a_host_and_perhaps_a_port() {
        for address in ["example.org", "example.org:5000", "[::1]:5000", "localhost"] {
            let url = url("https", address).unwrap();
            assert_eq!(url.as_str(), format!("https://{address}/v2/"));
        }
        for address in [
            "",
            "a b",
            "user@example.org",
            "a/b",
            "a?b",
            "a#b",
            "a:b",
            "..",
            ".",
        ] {
            assert_eq!(url("https", address).map(String::from), None, "{address}");
        }
    }
}
