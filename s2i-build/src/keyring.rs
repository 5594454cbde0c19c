//! The port to whoever knows the passwords of registries.

use futures_util::future::BoxFuture;
use s2i_core::{ImageRef, login::Credential};

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
