//! What registries are told to know who asks.
//!
//! ```
//! use s2i_core::login::{Credential, Hidden};
//!
//! let password = Hidden::new("correct horse".into());
//! let credential = Credential::Password { user: "me".into(), password };
//! assert_eq!(credential.user(), "me");
//! assert!(!format!("{credential:?}").contains("horse"));
//! ```

use crate::Secret;

use crate::ImageRef;

/// The user that credential helpers name when the secret is an identity token.
pub const TOKEN_USER: &str = "<token>";

/// Returns the address by which Docker, Podman and credential helpers know the credentials for a registry.
///
/// ```
/// use s2i_core::login::server_address;
///
/// assert_eq!(server_address("docker.io"), "https://index.docker.io/v1/");
/// assert_eq!(server_address("registry.example.org"), "registry.example.org");
/// ```
#[must_use]
pub fn server_address(registry: &str) -> &str {
    match registry {
        ImageRef::DEFAULT_REGISTRY => "https://index.docker.io/v1/",
        registry => registry,
    }
}

/// A password or a token.
pub type Hidden = Secret<String>;

/// What a registry is told to know who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A user with a password.
    Password {
        /// The user.
        user: String,
        /// What nobody else knows.
        password: Hidden,
    },
    /// A token that login services exchange for others.
    Identity(Hidden),
}

impl Credential {
    /// Whom messages name.
    #[must_use]
    pub fn user(&self) -> &str {
        match self {
            Self::Password { user, .. } => user,
            Self::Identity(_) => TOKEN_USER,
        }
    }
}
