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

/// The user that credential helpers name when the secret is an identity token.
pub const TOKEN_USER: &str = "<token>";

/// The name that logins for `docker.io` are filed under, and that engines know them by.
pub const HUB_KEY: &str = "https://index.docker.io/v1/";

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
