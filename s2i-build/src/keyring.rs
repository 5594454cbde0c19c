//! The port to whoever knows the passwords of registries.

use std::fmt;

use futures_util::future::BoxFuture;
use s2i_core::ImageRef;

use crate::engine::BoxError;

/// Knows what registries want to be told. It is asked when something is to be sent to one, not before.
pub trait Keyring: Send + Sync {
    /// What the registry of this image is to be told, where there is anything to tell.
    ///
    /// # Errors
    /// Why nobody knows. No text of it has a secret.
    fn find<'a>(
        &'a self,
        image: &'a ImageRef,
    ) -> BoxFuture<'a, Result<Option<Credential>, BoxError>>;
}

/// What a registry is told to know who asks. It is shown without the secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A user with a password.
    Password {
        /// The user.
        user: String,
        /// What nobody else knows.
        password: String,
    },
    /// A token that login services exchange for others.
    Identity(String),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { user, .. } => f.debug_tuple("Password").field(user).finish(),
            Self::Identity(_) => f.write_str("Identity"),
        }
    }
}
