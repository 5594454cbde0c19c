//! Credentials for registries.
//!
//! ```
//! use s2i_core::{Secret, credential::Credential};
//!
//! let password = Secret::new("correct horse".into());
//! let credential = Credential::Password { user: "me".into(), password };
//! assert_eq!(credential.user(), "me");
//! assert!(!format!("{credential:?}").contains("horse"));
//! ```

use crate::{ImageRef, Secret};

/// The user of an identity token in the answers of credential helpers.
pub const TOKEN_USER: &str = "<token>";

/// A credential for a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A user with a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: Secret<String>,
    },
    /// A token that token services exchange for others.
    Identity(Secret<String>),
}

impl Credential {
    /// Returns the user for messages.
    #[must_use]
    pub fn user(&self) -> &str {
        match self {
            Self::Password { user, .. } => user,
            Self::Identity(_) => TOKEN_USER,
        }
    }
}

/// Returns the address by which Docker, Podman and credential helpers know the credentials for a registry.
///
/// ```
/// use s2i_core::credential::server_address;
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
