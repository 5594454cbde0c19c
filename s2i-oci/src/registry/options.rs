//! Options of the client.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use crate::credentials::CredentialStore;

/// The options of a [`Registry`](super::Registry).
#[derive(Clone, Debug)]
pub struct Options {
    /// The credentials for registries that ask for some.
    pub credentials: CredentialStore,
    /// Directories with certificates, as `/etc/docker/certs.d`: in a subdirectory with the name of a registry (`host`
    /// or `host:port`), `*.crt` are authorities that are trusted for this registry, and `NAME.cert` with `NAME.key` is
    /// the client certificate.
    pub certs_dirs: Vec<PathBuf>,
    /// Authorities that are trusted for every registry, as PEM text, besides the system's own.
    pub extra_ca: Option<String>,
    /// The registries that are used without a check of their identity, and without TLS if they have none.
    pub insecure: Insecure,
    /// The observer of insecure registries.
    pub observer: InsecureObserver,
    /// The mirrors to pull from before the registry: from the registry's host (`docker.io`) to
    /// `host[:port][/prefix]`, in the order in which they are tried.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// The number of blobs that are transferred at once.
    pub parallel: usize,
    /// The time that a transfer may go without a single byte before it is retried.
    pub stall: Duration,
    /// The least rate of a download; a slower one is retried.
    pub least_rate: LeastRate,
    /// The pause before the second attempt of a request; each next one is twice as long. A registry can ask for another
    /// one.
    pub retry_pause: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            credentials: CredentialStore::default(),
            certs_dirs: Vec::new(),
            extra_ca: None,
            insecure: Insecure::default(),
            observer: InsecureObserver::default(),
            mirrors: BTreeMap::new(),
            parallel: 3,
            stall: Duration::from_secs(60),
            least_rate: LeastRate::default(),
            retry_pause: Duration::from_millis(500),
        }
    }
}

impl Options {
    /// Returns the default options, with the credentials that [Docker and Podman](CredentialStore::from_env) use in the
    /// environment of this process.
    #[must_use]
    pub fn from_env() -> Self {
        Self {
            credentials: CredentialStore::from_env(),
            ..Self::default()
        }
    }
}

/// A set of insecure registries.
///
/// Their certificates are not verified. If such a registry has no TLS, then plain HTTP is used, with the credentials for
/// it: with the registry's own host on any port, and with other hosts of the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Insecure {
    /// The registries of these [names](super::registry_name): `host` or `host:port`.
    Named(BTreeSet<String>),
    /// All registries.
    All,
}

impl Default for Insecure {
    fn default() -> Self {
        Self::Named(BTreeSet::new())
    }
}

impl Insecure {
    /// Returns whether the registry of this name is in the set.
    #[must_use]
    pub fn has(&self, registry: &str) -> bool {
        match self {
            Self::Named(names) => names.contains(registry),
            Self::All => true,
        }
    }
}

/// The lack of security of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insecurity {
    /// The connection has TLS, and the certificate is not verified.
    Unverified,
    /// The connection has no TLS.
    Unencrypted,
}

/// The function of an observer.
type Observe = dyn Fn(&str, Insecurity) + Send + Sync;

/// An observer that gets the name of each insecure registry once, before the first request to it that may have
/// credentials. Plain HTTP to a loopback address is always allowed, and not reported.
#[derive(Clone, Default)]
pub struct InsecureObserver(Option<Arc<Observe>>);

impl InsecureObserver {
    /// Creates an observer that calls this function.
    pub fn new(observe: impl Fn(&str, Insecurity) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observe)))
    }

    pub(super) fn observe(&self, registry: &str, insecurity: Insecurity) {
        if let Some(observe) = &self.0 {
            observe(registry, insecurity);
        }
    }
}

impl fmt::Debug for InsecureObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Observer" } else { "None" })
    }
}

/// The least rate of a download. A server that sends one byte from time to time would otherwise block a build for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeastRate {
    /// The bytes that must arrive in each window.
    pub bytes: u64,
    /// The length of a window. The first one begins with the response, so short transfers are not measured.
    pub window: Duration,
}

impl Default for LeastRate {
    /// 60 KiB in each minute: 1 KiB in a second on average.
    fn default() -> Self {
        Self {
            bytes: 60 << 10,
            window: Duration::from_secs(60),
        }
    }
}
