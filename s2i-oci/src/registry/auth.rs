//! Logins: what registries ask for, and the tokens that their login services give.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use reqwest::{
    Body, Method, Request, StatusCode, Url,
    header::{
        AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE,
    },
};
use s2i_core::login::Credential;
use serde::Deserialize;

use super::{
    challenge::{Challenge, ChallengeFault},
    error::{Failure, RegistryError, Trouble},
    remote::Remote,
};

/// How errors call what is done here.
const OPERATION: &str = "log in for";
/// How many seconds a token is good for when its giver does not say so, as the protocol has it.
const TOKEN_LIFE: u64 = 60;
/// The longest that a token is taken for good, in seconds.
const LONGEST_LIFE: u64 = 24 * 60 * 60;
/// How many seconds before its end a token is not used any more.
const TOKEN_MARGIN: u64 = 10;
/// The longest answer of a login service, in bytes.
const TOKEN_SIZE: usize = 1024 * 1024;

/// What is going to be done in which repositories.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    repository: String,
    push: bool,
    /// Repositories that blobs may come from.
    mounts: Vec<String>,
}

impl Scope {
    pub(super) fn pull(repository: &str) -> Self {
        Self {
            repository: repository.into(),
            push: false,
            mounts: Vec::new(),
        }
    }

    pub(super) fn push(repository: &str, mounts: &[String]) -> Self {
        Self {
            repository: repository.into(),
            push: true,
            mounts: mounts.to_vec(),
        }
    }

    /// Only to say who we are.
    pub(super) fn none() -> Self {
        Self::pull("")
    }

    /// As login services want it.
    fn texts(&self) -> Vec<String> {
        if self.repository.is_empty() {
            return Vec::new();
        }
        let rights = if self.push { "pull,push" } else { "pull" };
        let own = format!("repository:{}:{rights}", self.repository);
        let mounts = self.mounts.iter();
        let mounts = mounts.map(|repository| format!("repository:{repository}:pull"));
        std::iter::once(own).chain(mounts).collect()
    }
}

/// What is known about logins at one host.
#[derive(Debug, Default)]
pub(super) struct State {
    challenge: Option<Challenge>,
    credentials: HashMap<String, Option<Credential>>,
    tokens: HashMap<Scope, Token>,
}

impl State {
    /// Lets credentials be shown where no repository is meant.
    pub(super) fn present(&mut self, credential: Credential) {
        self.credentials.insert(String::new(), Some(credential));
    }

    /// Whether the host has asked who we are.
    pub(super) fn was_asked(&self) -> bool {
        self.challenge.is_some()
    }
}

#[derive(Clone, Debug)]
struct Token {
    header: HeaderValue,
    until: Instant,
}

impl Remote {
    /// Adds what the host is known to ask for, and returns it. Nothing is sent to a host that did
    /// not ask, nor to another one.
    pub(super) async fn authorize(
        &self,
        request: &mut Request,
        scope: &Scope,
    ) -> Result<Option<HeaderValue>, Failure> {
        if !self.host.is_own(request.url()).await? {
            return Ok(None);
        }
        let mut state = self.host.auth.lock().await;
        let header = self.header(&mut state, scope).await?;
        if let Some(header) = &header {
            request.headers_mut().insert(AUTHORIZATION, header.clone());
        }
        Ok(header)
    }

    /// The answer to the challenge in `headers`, after a request with `used` was refused.
    pub(super) async fn login(
        &self,
        headers: &HeaderMap,
        used: Option<HeaderValue>,
        scope: &Scope,
    ) -> Result<HeaderValue, Failure> {
        // Held during the login, so that many requests at once lead to one.
        let mut state = self.host.auth.lock().await;
        if !headers.contains_key(WWW_AUTHENTICATE) {
            return Err(self.denied_with(&state, scope).into());
        }
        state.challenge = Some(self.challenge(headers)?);
        if let Some(token) = state.tokens.get(scope)
            && used.as_ref() == Some(&token.header)
        {
            state.tokens.remove(scope);
        }
        match self.header(&mut state, scope).await? {
            Some(header) if used.as_ref() != Some(&header) => Ok(header),
            _ => Err(self.denied_with(&state, scope).into()),
        }
    }

    /// The error for a request that was refused.
    pub(super) async fn denied(&self, scope: &Scope) -> RegistryError {
        self.denied_with(&*self.host.auth.lock().await, scope)
    }

    fn denied_with(&self, state: &State, scope: &Scope) -> RegistryError {
        let credential = state.credentials.get(&scope.repository);
        let credential = credential.and_then(Option::as_ref);
        RegistryError::Denied {
            registry: self.host.name.clone(),
            repository: scope.repository.clone(),
            user: credential.map(|credential| credential.user().to_owned()),
        }
    }

    async fn header(
        &self,
        state: &mut State,
        scope: &Scope,
    ) -> Result<Option<HeaderValue>, Failure> {
        let Some(challenge) = state.challenge.clone() else {
            return Ok(None);
        };
        if let Some(token) = state.tokens.get(scope)
            && matches!(challenge, Challenge::Bearer { .. })
            && token.until > Instant::now()
        {
            return Ok(Some(token.header.clone()));
        }
        let credential = self.credential(state, scope).await?;
        match challenge {
            Challenge::Basic => Ok(credential.as_ref().and_then(basic)),
            Challenge::Bearer { realm, service } => {
                let service = service.as_deref();
                let mut token = self
                    .token(&realm, service, scope, credential.as_ref())
                    .await;
                // Some login services refuse everything when one repository is out of bounds.
                if matches!(token, Err(Failure::Final(RegistryError::Denied { .. })))
                    && !scope.mounts.is_empty()
                {
                    let scope = Scope::push(&scope.repository, &[]);
                    token = self
                        .token(&realm, service, &scope, credential.as_ref())
                        .await;
                }
                let token = token?;
                let header = token.header.clone();
                state.tokens.insert(scope.clone(), token);
                Ok(Some(header))
            }
        }
    }

    async fn credential(
        &self,
        state: &mut State,
        scope: &Scope,
    ) -> Result<Option<Credential>, RegistryError> {
        if let Some(known) = state.credentials.get(&scope.repository) {
            return Ok(known.clone());
        }
        let (host, repository) = (&self.host, &scope.repository);
        let found = host.credentials.get(&host.name, repository).await;
        let found = found.map_err(|source| RegistryError::Credentials {
            registry: host.name.clone(),
            source,
        })?;
        state.credentials.insert(repository.clone(), found.clone());
        Ok(found)
    }

    /// The challenge of the registry.
    fn challenge(&self, headers: &HeaderMap) -> Result<Challenge, RegistryError> {
        let texts = headers.get_all(WWW_AUTHENTICATE).iter();
        let texts = texts.filter_map(|value| value.to_str().ok());
        Challenge::parse(texts, self.host.loopback).map_err(|fault| {
            let trouble = match fault {
                ChallengeFault::None => Trouble::Challenge,
                ChallengeFault::NotEncrypted(host) => Trouble::NotEncrypted(host),
            };
            self.trouble(OPERATION, trouble)
        })
    }

    /// Asks the login service for a token.
    async fn token(
        &self,
        realm: &Url,
        service: Option<&str>,
        scope: &Scope,
        credential: Option<&Credential>,
    ) -> Result<Token, Failure> {
        let request = token_request(realm, service, scope, credential);
        let sent = self.host.client.execute(request);
        let other = |cause| self.other(OPERATION, cause);
        let answer = self.host.answer(sent, &other).await?;
        if matches!(
            answer.status(),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        ) {
            let user = credential.map(|credential| credential.user().to_owned());
            return Err(Failure::Final(RegistryError::Denied {
                registry: self.host.name.clone(),
                repository: scope.repository.clone(),
                user,
            }));
        }
        let answer = self.check(answer, scope, OPERATION).await?;
        let body = self.read(answer, TOKEN_SIZE, OPERATION).await?;
        parse_token(&body).ok_or_else(|| self.trouble(OPERATION, Trouble::NoToken).into())
    }
}

/// The request for a token. Identity tokens are exchanged, passwords shown.
fn token_request(
    realm: &Url,
    service: Option<&str>,
    scope: &Scope,
    credential: Option<&Credential>,
) -> Request {
    let mut url = realm.clone();
    let service = service.map(|service| ("service", service));
    if let Some(Credential::Identity(token)) = credential {
        let mut form = realm.clone();
        form.set_query(None);
        form.query_pairs_mut()
            .append_pair("grant_type", "refresh_token")
            .extend_pairs(service)
            .append_pair("client_id", "s2i")
            .append_pair("scope", &scope.texts().join(" "))
            .append_pair("refresh_token", token.reveal());
        let form = Bytes::from(form.query().unwrap_or_default().to_owned());
        let mut request = Request::new(Method::POST, url);
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, kind);
        request
            .headers_mut()
            .insert(CONTENT_LENGTH, form.len().into());
        // A body that streams is not sent once more after a redirect, wherever that leads.
        let once = futures_util::stream::iter([Ok::<_, std::io::Error>(form)]);
        *request.body_mut() = Some(Body::wrap_stream(once));
        return request;
    }
    let scopes = scope.texts();
    url.query_pairs_mut()
        .extend_pairs(service)
        .extend_pairs(scopes.iter().map(|scope| ("scope", scope)));
    let mut request = Request::new(Method::GET, url);
    if let Some(header) = credential.and_then(basic) {
        request.headers_mut().insert(AUTHORIZATION, header);
    }
    request
}

fn basic(credential: &Credential) -> Option<HeaderValue> {
    match credential {
        Credential::Password { user, password } => {
            let pair = format!("{user}:{}", password.reveal());
            secret_header(&format!("Basic {}", STANDARD.encode(pair)))
        }
        Credential::Identity(_) => None,
    }
}

fn parse_token(body: &[u8]) -> Option<Token> {
    #[derive(Deserialize)]
    struct Answer {
        token: Option<String>,
        access_token: Option<String>,
        expires_in: Option<u64>,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let token = answer.token.filter(|token| !token.is_empty());
    let token = token.or(answer.access_token)?;
    let life = answer.expires_in.unwrap_or(TOKEN_LIFE).min(LONGEST_LIFE);
    let life = Duration::from_secs(life.saturating_sub(TOKEN_MARGIN));
    Some(Token {
        header: secret_header(&format!("Bearer {token}"))?,
        until: Instant::now() + life,
    })
}

/// A value that `Debug` does not show.
fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
