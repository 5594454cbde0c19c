//! What can go wrong between this machine and a registry.

use std::{
    error::Error,
    fmt::{self, Display},
    io,
    path::PathBuf,
    time::Duration,
};

use thiserror::Error as ThisError;

use crate::{Digest, credentials::CredentialError};

/// Whatever made something fail.
pub(super) type Cause = Box<dyn Error + Send + Sync>;

/// Why an image could not be pulled or pushed, or nobody logged in. No text of it ever holds a password or a token.
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
    /// The image is there, but not for this platform.
    #[error("the image `{image}` is not there for {platform}, only for {available}")]
    Platform {
        /// The image.
        image: String,
        /// What was wanted, as `os/architecture/variant`.
        platform: String,
        /// What there is, separated by commas.
        available: String,
    },
    /// The registry wants a login, another one, or more rights.
    #[error("the registry `{registry}` refuses {} access to `{repository}`", Login(user.as_ref()))]
    Denied {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
        /// Who asked; nobody when there are no credentials for the registry.
        user: Option<String>,
    },
    /// The registry does not accept a login.
    #[error("the registry `{registry}` does not accept the user `{user}` with this password")]
    Refused {
        /// The registry.
        registry: String,
        /// Who wants to log in.
        user: String,
    },
    /// A login can't be tried.
    #[error("can't log in to the registry `{registry}`")]
    Login {
        /// The registry.
        registry: String,
        /// Why not.
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
        /// What it said.
        #[source]
        source: Cause,
    },
    /// There is no connection to the registry.
    #[error("can't connect to the registry `{registry}`")]
    Unreachable {
        /// The registry.
        registry: String,
        /// Why not.
        #[source]
        source: Cause,
    },
    /// The registry could not prove who it is, or speaks no TLS that is safe.
    #[error("can't make a secure connection to the registry `{registry}`")]
    Tls {
        /// The registry.
        registry: String,
        /// Why not.
        #[source]
        source: Cause,
    },
    /// Content is not what its name says.
    #[error(
        "`{repository}` of the registry `{registry}` has other content than `{expected}`: {found}"
    )]
    Digest {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
        /// What it should be.
        expected: Digest,
        /// What it is instead.
        found: Found,
    },
    /// The credentials for the registry can't be read.
    #[error("can't find out the credentials for the registry `{registry}`")]
    Credentials {
        /// The registry.
        registry: String,
        /// Why not.
        #[source]
        source: CredentialError,
    },
    /// A certificate of the set-up can't be used.
    #[error("can't use the certificate {from}")]
    Certificate {
        /// The file, or which option.
        from: String,
        /// Why not.
        #[source]
        source: Cause,
    },
    /// A file of this machine can't be read or written.
    #[error("can't {operation} `{}`", path.display())]
    File {
        /// What was to be done.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A blob that is to be pushed can't be read, or is not as long as its descriptor says.
    #[error("can't read the blob `{blob}` that is to be pushed")]
    Source {
        /// The blob.
        blob: Digest,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Anything else.
    #[error("can't {operation} `{repository}` of the registry `{registry}`")]
    Other {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
        /// What was to be done, for example `read the manifest of`.
        operation: &'static str,
        /// Why not.
        #[source]
        source: Cause,
    },
}

impl RegistryError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { .. } => {
                Some("check the name; private images are hidden from who is not logged in with `s2i login`".into())
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
                "wait, use a mirror, or log in with `s2i login {registry}`: most registries allow users more than strangers"
            )),
            Self::Refused { .. } => {
                Some("check both; some registries want a token in place of the password".into())
            }
            Self::Tls { registry, .. } => Some(format!(
                "if it has a certificate of your own, put that of its authority at `/etc/docker/certs.d/{registry}/ca.crt`"
            )),
            Self::Credentials { source, .. } => source.hint(),
            _ => None,
        }
    }
}

/// Who was refused.
struct Login<'a>(Option<&'a String>);

impl Display for Login<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(user) => write!(f, "the user `{user}`"),
            None => f.write_str("anonymous"),
        }
    }
}

/// What was there in place of the right content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// Content with another digest.
    Digest(Digest),
    /// Content of another length, in bytes.
    Size {
        /// How long it should be.
        expected: u64,
        /// How long it is, or at least is.
        found: u64,
    },
}

impl Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => write!(f, "its digest is {digest}"),
            Self::Size { expected, found } => {
                write!(f, "it has {found} bytes instead of {expected}")
            }
        }
    }
}

/// A failed attempt: whether another one could end better.
#[derive(Debug)]
pub(super) enum Failure {
    /// It could not.
    Final(RegistryError),
    /// It could, after a time that the registry may have set.
    Again {
        error: RegistryError,
        after: Option<Duration>,
    },
}

impl Failure {
    pub(super) fn again(error: RegistryError) -> Self {
        Self::Again { error, after: None }
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::Final(error)
    }
}

/// Causes that no library has an error for.
#[derive(Debug, ThisError)]
pub(super) enum Trouble {
    #[error("it answered {status}{}", Saying(said))]
    Status { status: String, said: String },
    #[error("nothing moved for {} seconds", .0.as_secs_f32())]
    Stalled(Duration),
    #[error("only {bytes} bytes came in {} seconds", .window.as_secs())]
    Slow { bytes: u64, window: Duration },
    #[error("the transfer ended after {got} of {size} bytes")]
    Short { got: u64, size: u64 },
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("it sent another part of the blob than was asked for")]
    OtherPart,
    #[error("it named no place to upload to")]
    NoLocation,
    #[error("it led to `{0}`, which is not encrypted")]
    NotEncrypted(String),
    #[error("it refuses everybody, and does not ask who we are")]
    Closed,
    #[error("it does not say that it is a registry")]
    NoRegistry,
    #[error("it asks for a login of a kind that is not supported")]
    Challenge,
    #[error("its login service did not answer with a token")]
    NoToken,
    #[error("it sent neither a manifest nor an index of schema version 2")]
    NoManifest,
    #[error("it sent something that is a manifest and an index at once")]
    Ambiguous,
    #[error("an index names another index as what is for one platform")]
    NestedIndex,
    #[error("`{0}` is no host with an optional port")]
    Host(String),
    #[error("too many redirects")]
    Redirects,
    #[error("the file has no certificate")]
    NoCertificate,
    #[error("there is no key `{0}` beside it")]
    NoKey(String),
}

/// The registry's own words, where it has some.
struct Saying<'a>(&'a str);

impl Display for Saying<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => Ok(()),
            said => write!(f, ": {said}"),
        }
    }
}
