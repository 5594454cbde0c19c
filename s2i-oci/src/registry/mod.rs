//! Pulling images from registries and pushing them there.
//!
//! A [`Registry`] speaks the distribution protocol of OCI and Docker: it resolves names to manifests,
//! downloads blobs into files and uploads blobs from readers. It knows digests and descriptors, and
//! leaves it to the caller what is kept where.
//!
//! - Everything is **verified**: manifests, configs and blobs against their digests and lengths.
//! - Everything **goes on**: a transfer that is cut or stalls continues where it ended, also in
//!   another process.
//! - Nothing is **unencrypted**, except to loopback addresses; there is no option for it. No
//!   credential goes to another host than the one that it is for and the login service that this
//!   one names.
//! - Credentials are those of Docker and Podman, helpers included. They are looked up when a
//!   registry asks for them and are in no log, no error and no `Debug` text.
//!
//! All of it is asynchronous and needs a tokio runtime with time and I/O enabled; one thread is
//! enough. Hashing and files are dealt with on tokio's threads for blocking work.

mod auth;
mod blob;
mod challenge;
mod client;
mod document;
mod error;
mod host;
mod login;
mod loopback;
mod pace;
mod partial;
mod pull;
mod push;
mod remote;
mod retry;
mod upload;

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use s2i_core::{ErrorChain, ImageRef};

pub use challenge::{Challenge, ChallengeFault};
pub use error::{Found, RegistryError};
pub use host::registry_name;
pub use login::Verdict;
pub use pace::LeastRate;
pub use pull::Pulled;
pub use push::{Count, Push, PushBlob, Pushed, Source};

use crate::credentials::CredentialStore;
use host::Host;
use remote::Remote;

/// How registries are to be spoken to.
#[derive(Clone, Debug)]
pub struct Options {
    /// The credentials for registries that ask for some.
    pub credentials: CredentialStore,
    /// Directories with certificates, as `/etc/docker/certs.d`: in a subdirectory that is called
    /// like a registry (`host` or `host:port`), `*.crt` are authorities that are trusted for this
    /// registry, and `NAME.cert` with `NAME.key` is what s2i identifies itself with.
    pub certs_dirs: Vec<PathBuf>,
    /// Authorities that are trusted for every registry, as PEM text, besides the system's own.
    pub extra_ca: Option<String>,
    /// Who is asked before the registry when something is pulled: from the registry's host
    /// (`docker.io`) to `host[:port][/prefix]` of mirrors, first first.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// How many blobs are transferred at once.
    pub parallel: usize,
    /// How long a transfer may go without a single byte before it is begun again.
    pub stall: Duration,
    /// How fast a download must at least be, or it is begun again.
    pub least_rate: LeastRate,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            credentials: CredentialStore::default(),
            certs_dirs: Vec::new(),
            extra_ca: None,
            mirrors: BTreeMap::new(),
            parallel: 3,
            stall: Duration::from_secs(60),
            least_rate: LeastRate::default(),
        }
    }
}

/// The way to all registries: connections, logins and what was learnt about hosts. One is enough for
/// a process.
#[derive(Debug)]
pub struct Registry {
    options: Options,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

impl Registry {
    /// The way to registries with these options. Opens no connection and reads no credentials.
    ///
    /// It makes *ring* the process's provider of cryptography for TLS, unless there is one already.
    ///
    /// # Errors
    /// `extra_ca` is not PEM text with certificates.
    pub fn new(options: Options) -> Result<Self, RegistryError> {
        // The error says that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        client::extra_authorities(&options)?;
        Ok(Self {
            options,
            hosts: Mutex::default(),
        })
    }

    /// How many blobs are transferred at once; at least one.
    #[must_use]
    pub fn parallel(&self) -> usize {
        self.options.parallel.max(1)
    }

    /// The repository of the image in its own registry.
    fn origin(&self, image: &ImageRef) -> Result<Remote, RegistryError> {
        let (host, repository) = image.registry_and_repository();
        Ok(Remote::new(self.host(&host)?, repository))
    }

    /// The repositories to pull from before that one. A mirror that can't be used is none.
    fn mirrors(&self, image: &ImageRef) -> Vec<Remote> {
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
                Ok(host) => Some(Remote::mirror(host, repository)),
                Err(err) => {
                    tracing::debug!(mirror, error = %ErrorChain(&err), "mirror left out");
                    None
                }
            }
        });
        remotes.filter(Remote::is_up).collect()
    }

    /// What is known about a host; the same for all callers.
    fn host(&self, name: &str) -> Result<Arc<Host>, RegistryError> {
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
