//! Logins: the check of a credential by its registry.

use reqwest::{Method, Request, header::CONTENT_TYPE};
use s2i_core::credential::Credential;

use super::{
    client::Registry,
    error::{AttemptError, ProtocolError, RegistryError},
    host::Host,
    http::{ATTEMPTS, header_text},
    operation::{Operation, Scope},
};

/// The kind of the response at the root of the API.
enum Greeting {
    Api,
    /// A page for a browser. Some registries call responses so, but only those that require a login.
    Page,
}

/// The result of a login that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginOutcome {
    /// The registry accepts the credential.
    Accepted,
    /// The registry sent no challenge, so the credential was not checked.
    NotRequested,
}

impl Registry {
    /// Sends a credential to the registry of this [name](super::registry_name), if it asks for one.
    ///
    /// # Errors
    /// [`Refused`](RegistryError::Refused), [`Login`](RegistryError::Login), and failures of connections.
    pub async fn log_in(
        &self,
        registry: &str,
        credential: &Credential,
    ) -> Result<LoginOutcome, RegistryError> {
        let host = self.host(registry)?;
        host.auth.present(credential.clone()).await;
        let operation = Operation::new("log in to", &host.name, Scope::none());
        let attempt = || greet(&host, &operation);
        let greeting = host.http.backoff(ATTEMPTS).retry(attempt).await;
        let was_challenged = host.auth.was_challenged().await;
        match greeting {
            Ok(_) if was_challenged => Ok(LoginOutcome::Accepted),
            Ok(Greeting::Api) => Ok(LoginOutcome::NotRequested),
            Ok(Greeting::Page) => Err(protocol_error(&host.name, ProtocolError::NoRegistry)),
            Err(err) => Err(login_error(err, credential, was_challenged)),
        }
    }
}

/// Asks for the root of the API.
async fn greet(host: &Host, operation: &Operation) -> Result<Greeting, AttemptError> {
    let url = host.base().await?.clone();
    let sent = host.send(Request::new(Method::GET, url.clone()), operation);
    let response = host.check(sent.await?, operation).await?;
    // A redirect leads to a login form for a browser.
    if response.url().path() != url.path() {
        return Err(operation.error(ProtocolError::NoRegistry).into());
    }
    Ok(match header_text(response.headers(), CONTENT_TYPE) {
        Some(content_type) if content_type.starts_with("text/html") => Greeting::Page,
        _ => Greeting::Api,
    })
}

/// Returns the error of a login for one that names an operation on a repository.
fn login_error(err: RegistryError, credential: &Credential, was_challenged: bool) -> RegistryError {
    match err {
        RegistryError::Denied { registry, .. } if was_challenged => RegistryError::Refused {
            registry,
            user: credential.user().into(),
        },
        RegistryError::Denied { registry, .. } => {
            protocol_error(&registry, ProtocolError::NoChallenge)
        }
        RegistryError::Other {
            registry, source, ..
        }
        | RegistryError::RateLimited {
            registry, source, ..
        } => RegistryError::Login { registry, source },
        other => other,
    }
}

fn protocol_error(registry: &str, cause: ProtocolError) -> RegistryError {
    RegistryError::Login {
        registry: registry.into(),
        source: cause.into(),
    }
}
