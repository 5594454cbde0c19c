//! The client for all registries.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use s2i_core::{ErrorChain, ImageRef};

use super::{
    error::RegistryError, host::Host, http::extra_authorities, options::Options,
    repository::Repository,
};

/// The client for all registries: connections, logins and the state of hosts. One is enough for a process.
#[derive(Debug)]
pub struct Registry {
    options: Options,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

impl Registry {
    /// The client with these options. Opens no connection and reads no credentials.
    ///
    /// It makes *ring* the process's provider of cryptography for TLS, unless there is one already.
    ///
    /// # Errors
    /// `extra_ca` is not PEM text with certificates.
    pub fn new(options: Options) -> Result<Self, RegistryError> {
        // An error means that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        extra_authorities(&options)?;
        Ok(Self {
            options,
            hosts: Mutex::default(),
        })
    }

    /// The number of blobs that are transferred at once; at least one.
    #[must_use]
    pub fn parallel(&self) -> usize {
        self.options.parallel.max(1)
    }

    /// The repository of the image in its own registry.
    pub(super) fn origin(&self, image: &ImageRef) -> Result<Repository, RegistryError> {
        let (host, repository) = image.registry_and_repository();
        Ok(Repository::new(self.host(&host)?, repository))
    }

    /// The repositories to pull from before that one. A mirror that can't be used is left out.
    pub(super) fn mirrors(&self, image: &ImageRef) -> Vec<Repository> {
        let (registry, repository) = image.registry_and_repository();
        let mirrors = self.options.mirrors.get(&registry).into_iter().flatten();
        let remotes = mirrors.filter_map(|mirror| {
            let mirror = mirror.strip_prefix("https://").unwrap_or(mirror);
            let (host, prefix) = mirror.split_once('/').unwrap_or((mirror, ""));
            let prefix = prefix.trim_matches('/');
            let repository = match prefix {
                "" => repository.clone(),
                prefix => format!("{prefix}/{repository}"),
            };
            match self.host(host) {
                Ok(host) => Some(Repository::mirror(host, repository)),
                Err(err) => {
                    tracing::debug!(mirror, error = %ErrorChain(&err), "mirror left out");
                    None
                }
            }
        });
        remotes.filter(|remote| remote.host.is_up()).collect()
    }

    /// The host of this name; the same one for all callers.
    pub(super) fn host(&self, name: &str) -> Result<Arc<Host>, RegistryError> {
        let name = name.to_ascii_lowercase();
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(&name) {
            return Ok(Arc::clone(host));
        }
        let host = Arc::new(Host::new(&name, &self.options)?);
        hosts.insert(name, Arc::clone(&host));
        Ok(host)
    }
}
