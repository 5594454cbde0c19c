//! The host of a registry: its address, its client and its authentication.

use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::{
    Request, Response, StatusCode, Url,
    header::{AUTHORIZATION, HeaderValue},
};
use s2i_core::ImageRef;
use tokio::sync::OnceCell;

use super::{
    auth::Authenticator,
    error::{AttemptError, ProtocolError, RegistryError},
    http::{Http, Trust, base_url},
    operation::Operation,
    options::{InsecureObserver, Insecurity, Options},
};
use crate::credentials::config::normalized;

/// A host that serves a registry.
#[derive(Debug)]
pub(super) struct Host {
    /// The name in names of images.
    pub(super) name: String,
    pub(super) http: Http,
    pub(super) auth: Authenticator,
    /// `https://HOST/v2/`.
    secure: Url,
    /// `http://HOST/v2/`, for a host on loopback, or an insecure one.
    plain: Url,
    base: OnceCell<Url>,
    observer: InsecureObserver,
    is_down: AtomicBool,
}

impl Host {
    /// The host with this name, in lower case. Opens no connection.
    pub(super) fn new(name: &str, options: &Options) -> Result<Self, RegistryError> {
        let address = match name {
            ImageRef::DEFAULT_REGISTRY => "registry-1.docker.io",
            name => name,
        };
        let url = |scheme| {
            base_url(scheme, address).ok_or_else(|| RegistryError::Unreachable {
                registry: name.into(),
                source: ProtocolError::Host(name.into()).into(),
            })
        };
        let secure = url("https")?;
        let trust = Trust::new(name, &secure, &options.insecure);
        Ok(Self {
            name: name.into(),
            http: Http::new(name, trust, options)?,
            auth: Authenticator::new(options.credentials.clone()),
            secure,
            plain: url("http")?,
            base: OnceCell::new(),
            observer: options.observer.clone(),
            is_down: AtomicBool::new(false),
        })
    }

    /// Returns the URL of the API. A host on loopback, or an insecure one, is asked once whether it has TLS.
    pub(super) async fn base(&self) -> Result<&Url, AttemptError> {
        let trust = &self.http.trust;
        if !trust.is_loopback && !trust.is_insecure() {
            return Ok(&self.secure);
        }
        self.base.get_or_try_init(|| self.probe()).await
    }

    async fn probe(&self) -> Result<Url, AttemptError> {
        let trust = &self.http.trust;
        let has_tls = trust.is_insecure() && self.http.has_tls(&self.secure).await;
        if !has_tls && self.http.is_plain(&self.plain).await? {
            if !trust.is_loopback {
                self.observer.observe(&self.name, Insecurity::Unencrypted);
            }
            return Ok(self.plain.clone());
        }
        if trust.is_insecure() {
            self.observer.observe(&self.name, Insecurity::Unverified);
        }
        Ok(self.secure.clone())
    }

    /// Returns whether the URL is of this host, which may see its credentials.
    pub(super) async fn is_own(&self, url: &Url) -> Result<bool, AttemptError> {
        Ok(url.origin() == self.base().await?.origin())
    }

    /// Adds the credentials for an operation to a request to this host, once it has sent a challenge, and returns them.
    pub(super) async fn authorize(
        &self,
        request: &mut Request,
        operation: &Operation,
    ) -> Result<Option<HeaderValue>, AttemptError> {
        if !self.is_own(request.url()).await? {
            return Ok(None);
        }
        let header = self.auth.authorize(&self.http, operation).await?;
        if let Some(header) = &header {
            request.headers_mut().insert(AUTHORIZATION, header.clone());
        }
        Ok(header)
    }

    /// Sends a request whose body does not stream, and answers a challenge. The response may have any status.
    pub(super) async fn send(
        &self,
        mut request: Request,
        operation: &Operation,
    ) -> Result<Response, AttemptError> {
        let again = request.try_clone();
        let used = self.authorize(&mut request, operation).await?;
        let response = self.http.execute(request, operation).await?;
        let is_challenge =
            response.status() == StatusCode::UNAUTHORIZED && self.is_own(response.url()).await?;
        let Some(mut request) = again.filter(|_| is_challenge) else {
            return Ok(response);
        };
        let (headers, used) = (response.headers(), used.as_ref());
        let answer = self.auth.answer(&self.http, headers, used, operation);
        request.headers_mut().insert(AUTHORIZATION, answer.await?);
        self.http.execute(request, operation).await
    }

    /// Returns the response if its status is one of success, else the error for the status.
    pub(super) async fn check(
        &self,
        response: Response,
        operation: &Operation,
    ) -> Result<Response, AttemptError> {
        let is_refusal = matches!(
            response.status(),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        );
        if is_refusal && self.is_own(response.url()).await? {
            return Err(self.auth.denied(operation).await.into());
        }
        self.http.check(response, operation).await
    }

    /// Notes that the host can't be reached.
    pub(super) fn set_down(&self) {
        self.is_down.store(true, Ordering::Relaxed);
    }

    /// Returns whether the host was reachable so far.
    pub(super) fn is_up(&self) -> bool {
        !self.is_down.load(Ordering::Relaxed)
    }
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
    base_url("https", &name).is_some().then_some(name)
}
