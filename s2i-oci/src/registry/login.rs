//! Whether a registry accepts a login.

use std::sync::Arc;

use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap},
};
use s2i_core::login::Credential;

use super::{
    Registry,
    auth::Scope,
    error::{Failure, RegistryError, Trouble},
    remote::Remote,
};

const OPERATION: &str = "log in to";

/// What an answer is made of.
enum Kind {
    Api,
    /// Something to look at. Some registries call their answers so, those that ask for a login.
    Page,
}

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
        loop {
            let greeted = everything.greet().await;
            let was_asked = host.auth.lock().await.was_asked();
            match greeted {
                Ok(_) if was_asked => return Ok(Verdict::Accepted),
                Ok(Kind::Api) => return Ok(Verdict::NotAsked),
                Ok(Kind::Page) => return Err(everything.no_login(Trouble::NoRegistry)),
                Err(failure) => {
                    let waited = backoff.wait(failure).await;
                    waited.map_err(|err| everything.about_login(err, credential, was_asked))?;
                }
            }
        }
    }
}

impl Remote {
    /// Asks whether it is a registry that speaks to us, and says what the answer is made of.
    async fn greet(&self) -> Result<Kind, Failure> {
        let (url, scope) = (self.host.base().await?.clone(), Scope::none());
        let sent = self.send(
            Method::GET,
            url.clone(),
            HeaderMap::new(),
            &scope,
            OPERATION,
        );
        let answer = self.check(sent.await?, &scope, OPERATION).await?;
        // People are led elsewhere, to log in with a form.
        if answer.url().path() != url.path() {
            return Err(self.trouble(OPERATION, Trouble::NoRegistry).into());
        }
        let kind = answer.headers().get(CONTENT_TYPE);
        Ok(match kind {
            Some(kind) if kind.as_bytes().starts_with(b"text/html") => Kind::Page,
            _ => Kind::Api,
        })
    }

    /// The same error without the repository that there is none of.
    fn about_login(
        &self,
        err: RegistryError,
        credential: &Credential,
        was_asked: bool,
    ) -> RegistryError {
        match err {
            RegistryError::Denied { registry, .. } if was_asked => RegistryError::Refused {
                registry,
                user: credential.user().into(),
            },
            RegistryError::Denied { .. } => self.no_login(Trouble::Closed),
            RegistryError::Other {
                registry, source, ..
            }
            | RegistryError::RateLimited {
                registry, source, ..
            } => RegistryError::Login { registry, source },
            other => other,
        }
    }

    fn no_login(&self, why: Trouble) -> RegistryError {
        RegistryError::Login {
            registry: self.host.name.clone(),
            source: Box::new(why),
        }
    }
}
