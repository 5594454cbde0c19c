//! The port to the credentials for registries.

use futures_util::future::BoxFuture;
use s2i_core::{ImageRef, credential::Credential};

use crate::ports::BoxError;

/// The credentials for registries. Engines ask for one when they pull or push an image, not before.
pub trait CredentialProvider: Send + Sync {
    /// Returns the credential for the registry of this image, where there is one.
    ///
    /// # Errors
    /// The reason why credentials can't be read. Its text never contains a secret.
    fn credential<'a>(
        &'a self,
        image: &'a ImageRef,
    ) -> BoxFuture<'a, Result<Option<Credential>, BoxError>>;
}
