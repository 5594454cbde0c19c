//! Errors of requests to registries.

use std::{
    error::Error,
    fmt::{self, Display},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use thiserror::Error as ThisError;

use crate::{Digest, credentials::CredentialError};

/// The cause of an error.
pub(super) type Cause = Box<dyn Error + Send + Sync>;

/// The reason why a pull, a push or a login failed. No text of it ever holds a password or a token.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum RegistryError {
    /// The registry has no such image, or hides it.
    #[error("the registry `{registry}` has no image `{image}`")]
    NotFound {
        /// The registry.
        registry: String,
        /// The image.
        image: String,
    },
    /// The image exists, but not for this platform.
    #[error("the image `{image}` is not available for {platform}, only for {available}")]
    Platform {
        /// The image.
        image: String,
        /// The platform, as `os/architecture/variant`.
        platform: String,
        /// The available platforms, separated by commas.
        available: String,
    },
    /// The registry requires a login, another one, or more rights.
    #[error("the registry `{registry}` refuses {} access to `{repository}`", account(user.as_ref()))]
    Denied {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
        /// The user; `None` without credentials for the registry.
        user: Option<String>,
    },
    /// The registry does not accept a login.
    #[error("the registry `{registry}` does not accept the user `{user}` with this password")]
    Refused {
        /// The registry.
        registry: String,
        /// The user.
        user: String,
    },
    /// A login can't be tried.
    #[error("can't log in to the registry `{registry}`")]
    Login {
        /// The registry.
        registry: String,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// The registry asks for fewer requests.
    #[error("the registry `{registry}` refuses more requests for `{repository}` for now")]
    RateLimited {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
        /// The answer of the registry.
        #[source]
        source: Cause,
    },
    /// There is no connection to the registry.
    #[error("can't connect to the registry `{registry}`")]
    Unreachable {
        /// The registry.
        registry: String,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// The registry could not prove its identity, or has no safe version of TLS.
    #[error("can't make a secure connection to the registry `{registry}`")]
    Tls {
        /// The registry.
        registry: String,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// Content does not match its digest or its size.
    #[error(
        "`{repository}` of the registry `{registry}` has other content than `{expected}`: {found}"
    )]
    Digest {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
        /// The expected digest.
        expected: Digest,
        /// The difference.
        found: Mismatch,
    },
    /// The credentials for the registry can't be read.
    #[error("can't get the credentials for the registry `{registry}`")]
    Credentials {
        /// The registry.
        registry: String,
        /// The cause.
        #[source]
        source: CredentialError,
    },
    /// A certificate in the configuration can't be used.
    #[error("can't use the certificate {from}")]
    Certificate {
        /// The file or the option.
        from: String,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// A local file can't be read or written.
    #[error("can't {operation} `{}`", path.display())]
    File {
        /// The operation, for example `read`.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A blob to push can't be read, or is not as long as its descriptor states.
    #[error("can't read the blob `{blob}` that is to be pushed")]
    Source {
        /// The blob.
        blob: Digest,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Any other failure.
    #[error("can't {operation} `{repository}` of the registry `{registry}`")]
    Other {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
        /// The operation, for example `read the manifest of`.
        operation: &'static str,
        /// The cause.
        #[source]
        source: Cause,
    },
}

impl RegistryError {
    /// Returns the error for an operation on a local file.
    pub(super) fn file(operation: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::File {
            operation,
            path: path.into(),
            source,
        }
    }

    /// Returns whether the registry asks for a later try, fails by itself, or is too slow.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::RateLimited { .. } => true,
            Self::Other { source, .. } | Self::Login { source, .. } => matches!(
                source.downcast_ref(),
                Some(
                    ProtocolError::Unavailable(_)
                        | ProtocolError::Stalled(_)
                        | ProtocolError::Slow { .. }
                )
            ),
            _ => false,
        }
    }

    /// Returns advice for the user, where there is any.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { .. } => {
                Some("check the name; if the image is private, log in with `s2i login`".into())
            }
            Self::Denied {
                registry,
                user: None,
                ..
            } => Some(format!(
                "if the name is right, log in with `s2i login {registry}`, or as Docker or Podman do it"
            )),
            Self::Denied { registry, .. } => Some(format!(
                "check the name and the rights of that user, or log in again with `s2i login {registry}`"
            )),
            Self::RateLimited { registry, .. } => Some(format!(
                "wait, use a mirror, or log in with `s2i login {registry}`: most registries allow more requests to users than without a login"
            )),
            Self::Refused { .. } => {
                Some("check both; some registries want a token in place of the password".into())
            }
            Self::Tls { registry, .. } => Some(format!(
                "if it has a certificate of your own, put that of its authority at `/etc/docker/certs.d/{registry}/ca.crt`; without one, name it in `insecure` of `[registry]` in the configuration, or use `--tls-verify=false`"
            )),
            Self::Credentials { source, .. } => source.hint(),
            // The blob may be in another registry.
            Self::Source { source, .. } => source.get_ref()?.downcast_ref::<Self>()?.hint(),
            _ => None,
        }
    }
}

fn account(user: Option<&String>) -> String {
    user.map_or_else(|| "anonymous".into(), |user| format!("the user `{user}`"))
}

/// The difference between content and its descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// The content has this digest instead.
    Digest(Digest),
    /// The content has another length, in bytes.
    Size {
        /// The length in the descriptor.
        expected: u64,
        /// The length of the content, or of the part that arrived.
        found: u64,
    },
}

impl Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => write!(f, "its digest is {digest}"),
            Self::Size { expected, found } => {
                write!(f, "it has {found} bytes instead of {expected}")
            }
        }
    }
}

/// The error of one attempt.
#[derive(Debug)]
pub(super) enum AttemptError {
    /// Another attempt would fail as well.
    Final(RegistryError),
    /// Another attempt may succeed, after a pause that the registry may have set.
    Retryable {
        error: RegistryError,
        after: Option<Duration>,
    },
}

impl AttemptError {
    pub(super) fn retryable(error: RegistryError) -> Self {
        Self::Retryable { error, after: None }
    }
}

impl From<RegistryError> for AttemptError {
    fn from(error: RegistryError) -> Self {
        Self::Final(error)
    }
}

/// Answers that break the protocol or a limit.
#[derive(Debug, ThisError)]
pub(super) enum ProtocolError {
    #[error("it answered {0}")]
    Status(String),
    #[error("it answered {0}")]
    Unavailable(String),
    #[error("nothing moved for {} seconds", .0.as_secs_f32())]
    Stalled(Duration),
    #[error("only {bytes} bytes came in {} seconds", .window.as_secs())]
    Slow { bytes: u64, window: Duration },
    #[error("the transfer ended after {got} of {size} bytes")]
    Short { got: u64, size: u64 },
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("it sent another part of the blob than the requested one")]
    Range,
    #[error("it named no location for the upload")]
    NoLocation,
    #[error("it led to `{0}`, which is not encrypted")]
    NotEncrypted(String),
    #[error("it refuses access without a `WWW-Authenticate` challenge")]
    NoChallenge,
    #[error("it does not answer like a registry")]
    NoRegistry,
    #[error("its token service did not answer with a token")]
    NoToken,
    #[error("it sent neither a manifest nor an index of schema version 2")]
    NoManifest,
    #[error("it sent a document that is both a manifest and an index")]
    Ambiguous,
    #[error("its layers have more than {0} bytes, the limit for an image")]
    TooLarge(u64),
    #[error("it sent a config that does not belong to the manifest")]
    Config,
    #[error("nested image indexes are not supported")]
    NestedIndex,
    #[error("`{0}` is not a host with an optional port")]
    Host(String),
    #[error("too many redirects")]
    Redirects,
}
