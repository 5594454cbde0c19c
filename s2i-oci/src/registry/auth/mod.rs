//! Authentication at one registry: challenges, credentials, tokens.

mod challenge;
mod token;

use std::{collections::HashMap, time::Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use s2i_core::credential::Credential;
use tokio::sync::Mutex;

pub use challenge::{Challenge, ChallengeError};

use super::{
    error::{AttemptError, RegistryError},
    http::Http,
    operation::{Operation, Scope},
};
use crate::credentials::CredentialStore;
use token::Token;

/// The authentication at one registry.
#[derive(Debug)]
pub(super) struct Authenticator {
    store: CredentialStore,
    /// Locked during a login, so that many requests at once lead to one.
    state: Mutex<State>,
}

/// The challenge of the registry, and the answers to it.
#[derive(Debug, Default)]
struct State {
    challenge: Option<Challenge>,
    /// The credentials by repository, as far as they were looked up.
    credentials: HashMap<String, Option<Credential>>,
    tokens: HashMap<Scope, Token>,
}

impl State {
    fn denied(&self, operation: &Operation) -> RegistryError {
        let credential = self.credentials.get(&operation.scope.repository);
        operation.denied(credential.and_then(Option::as_ref))
    }
}

impl Authenticator {
    /// The authentication with the credentials of this store, which is not read before a challenge.
    pub(super) fn new(store: CredentialStore) -> Self {
        Self {
            store,
            state: Mutex::default(),
        }
    }

    /// Sets the credential for operations without a repository.
    pub(super) async fn present(&self, credential: Credential) {
        let mut state = self.state.lock().await;
        state.credentials.insert(String::new(), Some(credential));
    }

    /// Returns whether the registry has sent a challenge.
    pub(super) async fn was_challenged(&self) -> bool {
        self.state.lock().await.challenge.is_some()
    }

    /// Returns the header `Authorization` for an operation, once the registry has sent a challenge.
    pub(super) async fn authorize(
        &self,
        http: &Http,
        operation: &Operation,
    ) -> Result<Option<HeaderValue>, AttemptError> {
        let mut state = self.state.lock().await;
        self.header(&mut state, http, operation).await
    }

    /// Returns the header that answers the challenge in `headers`, with which the registry has refused `used`.
    pub(super) async fn answer(
        &self,
        http: &Http,
        headers: &HeaderMap,
        used: Option<&HeaderValue>,
        operation: &Operation,
    ) -> Result<HeaderValue, AttemptError> {
        let mut state = self.state.lock().await;
        if !headers.contains_key(WWW_AUTHENTICATE) {
            return Err(state.denied(operation).into());
        }
        let values = headers.get_all(WWW_AUTHENTICATE).iter();
        let values = values.filter_map(|value| value.to_str().ok());
        let challenge = Challenge::parse(values, |realm| http.trust.allows(realm));
        state.challenge = Some(challenge.map_err(|err| login_of(operation).error(err))?);
        let token = state.tokens.get(&operation.scope);
        if token.is_some_and(|token| used == Some(&token.header)) {
            state.tokens.remove(&operation.scope);
        }
        match self.header(&mut state, http, operation).await? {
            Some(header) if used != Some(&header) => Ok(header),
            _ => Err(state.denied(operation).into()),
        }
    }

    /// Returns the error for a refused operation, with the user whose credential was looked up for it.
    pub(super) async fn denied(&self, operation: &Operation) -> RegistryError {
        self.state.lock().await.denied(operation)
    }

    async fn header(
        &self,
        state: &mut State,
        http: &Http,
        operation: &Operation,
    ) -> Result<Option<HeaderValue>, AttemptError> {
        let Some(challenge) = state.challenge.clone() else {
            return Ok(None);
        };
        if let Some(token) = state.tokens.get(&operation.scope)
            && matches!(challenge, Challenge::Bearer { .. })
            && token.until > Instant::now()
        {
            return Ok(Some(token.header.clone()));
        }
        let credential = self.credential(state, operation).await?;
        let (realm, service) = match challenge {
            Challenge::Basic => return Ok(credential.as_ref().and_then(basic)),
            Challenge::Bearer { realm, service } => (realm, service),
        };
        let mut login = login_of(operation);
        let fetch = async |login: &Operation| {
            let (service, credential) = (service.as_deref(), credential.as_ref());
            token::fetch(http, &realm, service, login, credential).await
        };
        let token = match fetch(&login).await {
            // Some token services refuse everything when one repository is out of bounds.
            Err(err @ AttemptError::Final(RegistryError::Denied { .. })) => {
                login.scope = operation.scope.without_mounts().ok_or(err)?;
                fetch(&login).await
            }
            fetched => fetched,
        }?;
        let header = token.header.clone();
        state.tokens.insert(operation.scope.clone(), token);
        Ok(Some(header))
    }

    async fn credential(
        &self,
        state: &mut State,
        operation: &Operation,
    ) -> Result<Option<Credential>, RegistryError> {
        let (registry, repository) = (&operation.registry, &operation.scope.repository);
        if let Some(known) = state.credentials.get(repository) {
            return Ok(known.clone());
        }
        let found = self.store.get(registry, repository).await;
        let found = found.map_err(|source| RegistryError::Credentials {
            registry: registry.clone(),
            source,
        })?;
        let credentials = &mut state.credentials;
        credentials.insert(repository.clone(), found.clone());
        Ok(found)
    }
}

/// Returns the login that an operation needs.
fn login_of(operation: &Operation) -> Operation {
    let (registry, scope) = (&operation.registry, operation.scope.clone());
    Operation::new("log in for", registry, scope)
}

fn basic(credential: &Credential) -> Option<HeaderValue> {
    match credential {
        Credential::Password { user, password } => {
            let pair = format!("{user}:{}", password.reveal());
            sensitive(&format!("Basic {}", STANDARD.encode(pair)))
        }
        Credential::Identity(_) => None,
    }
}

/// Returns a header value that `Debug` does not show.
fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
