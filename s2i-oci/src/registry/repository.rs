//! A repository on a host.

use std::sync::Arc;

use reqwest::{Method, Request, Url};
use s2i_core::ErrorChain;

use super::{
    error::{AttemptError, Mismatch, RegistryError},
    host::Host,
    http::{ATTEMPTS, Backoff},
    operation::{Operation, Scope},
};
use crate::{Digest, manifest::Descriptor};

/// A repository on the host of a registry or of a mirror.
#[derive(Clone, Debug)]
pub(super) struct Repository {
    pub(super) host: Arc<Host>,
    pub(super) name: String,
    is_mirror: bool,
}

impl Repository {
    pub(super) fn new(host: Arc<Host>, name: String) -> Self {
        Self {
            host,
            name,
            is_mirror: false,
        }
    }

    pub(super) fn mirror(host: Arc<Host>, name: String) -> Self {
        Self {
            is_mirror: true,
            ..Self::new(host, name)
        }
    }

    /// Logs the failure of a mirror. A mirror that can't be reached is not asked again.
    pub(super) fn failed_as_mirror(&self, error: &RegistryError) {
        tracing::debug!(mirror = self.host.name, error = %ErrorChain(error), "mirror failed");
        if matches!(
            error,
            RegistryError::Unreachable { .. } | RegistryError::Tls { .. }
        ) {
            self.host.set_down();
        }
    }

    /// Returns the attempts of an operation. There is only one on a mirror, after which comes the registry.
    pub(super) fn backoff(&self) -> Backoff {
        let attempts = if self.is_mirror { 1 } else { ATTEMPTS };
        self.host.http.backoff(attempts)
    }

    /// Returns an operation that reads from the repository; `name` as in `can't {name} the repository`.
    pub(super) fn pull_operation(&self, name: &'static str) -> Operation {
        Operation::new(name, &self.host.name, Scope::pull(&self.name))
    }

    /// Returns an operation that writes to the repository and may mount blobs from others.
    pub(super) fn push_operation(&self, name: &'static str, mounts: &[String]) -> Operation {
        Operation::new(name, &self.host.name, Scope::push(&self.name, mounts))
    }

    /// Returns a request about something in the repository, for example `manifests/latest`.
    pub(super) async fn request(
        &self,
        method: Method,
        path: &str,
    ) -> Result<Request, AttemptError> {
        Ok(Request::new(method, self.url(path).await?))
    }

    /// Returns the URL of something in the repository.
    pub(super) async fn url(&self, path: &str) -> Result<Url, AttemptError> {
        let mut url = self.host.base().await?.clone();
        url.set_path(&format!("/v2/{}/{path}", self.name));
        Ok(url)
    }

    pub(super) fn check_digest(
        &self,
        expected: Digest,
        found: Digest,
    ) -> Result<(), RegistryError> {
        if found == expected {
            return Ok(());
        }
        Err(self.mismatch(expected, Mismatch::Digest(found)))
    }

    pub(super) fn check_size(&self, blob: &Descriptor, found: u64) -> Result<(), RegistryError> {
        if found == blob.size {
            return Ok(());
        }
        let expected = blob.size;
        Err(self.mismatch(blob.digest, Mismatch::Size { expected, found }))
    }

    fn mismatch(&self, expected: Digest, found: Mismatch) -> RegistryError {
        RegistryError::Digest {
            registry: self.host.name.clone(),
            repository: self.name.clone(),
            expected,
            found,
        }
    }
}
