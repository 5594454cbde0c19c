//! Whether a registry accepts a login.

use std::sync::Arc;

use reqwest::{Method, header::HeaderMap};
use s2i_core::login::Credential;

use super::{
    Registry,
    auth::Scope,
    error::{Failure, RegistryError},
    remote::Remote,
};

const OPERATION: &str = "log in to";

/// What a registry says to a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is right.
    Accepted,
    /// Nothing: it did not ask who we are, so nobody knows whether the login is right.
    NotAsked,
}

impl Registry {
    /// Shows the credentials to the registry of this [name](super::registry_name), if it asks for some.
    ///
    /// # Errors
    /// [`Refused`](RegistryError::Refused), [`Login`](RegistryError::Login), and what can go wrong with
    /// connections.
    pub async fn log_in(
        &self,
        registry: &str,
        credential: &Credential,
    ) -> Result<Verdict, RegistryError> {
        let host = self.host(registry)?;
        host.auth.lock().await.present(credential.clone());
        let everything = Remote::new(Arc::clone(&host), String::new());
        let mut backoff = everything.backoff();
        while let Err(failure) = everything.greet().await {
            let waited = backoff.wait(failure).await;
            waited.map_err(|err| about_login(err, credential))?;
        }
        Ok(if host.auth.lock().await.was_asked() {
            Verdict::Accepted
        } else {
            Verdict::NotAsked
        })
    }
}

impl Remote {
    /// Asks whether it is a registry that speaks to us.
    async fn greet(&self) -> Result<(), Failure> {
        let (url, scope) = (self.host.base().await?.clone(), Scope::none());
        let sent = self.send(Method::GET, url, HeaderMap::new(), &scope, OPERATION);
        self.check(sent.await?, &scope, OPERATION).await.map(drop)
    }
}

/// The same without the repository that there is none of.
fn about_login(err: RegistryError, credential: &Credential) -> RegistryError {
    match err {
        RegistryError::Denied { registry, .. } => RegistryError::Refused {
            registry,
            user: credential.user().into(),
        },
        RegistryError::Other {
            registry, source, ..
        }
        | RegistryError::RateLimited {
            registry, source, ..
        } => RegistryError::Login { registry, source },
        other => other,
    }
}
