//! Tokens, and the services that issue them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::{
    Body, Method, Request, StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue},
};
use s2i_core::credential::Credential;
use serde::Deserialize;

use super::{basic, sensitive};
use crate::registry::{
    error::{AttemptError, ProtocolError},
    http::Http,
    operation::{Operation, Scope},
};

/// The lifetime of a token in seconds when the service gives none, as in the protocol.
const DEFAULT_LIFETIME: u64 = 60;
/// The longest lifetime that is believed, in seconds.
const LONGEST_LIFETIME: u64 = 24 * 60 * 60;
/// The time before its end in which a token is not used any more, in seconds.
const MARGIN: u64 = 10;
/// The longest answer of a token service, in bytes.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// A token for one scope.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// The header `Authorization` with the token.
    pub(super) header: HeaderValue,
    pub(super) until: Instant,
}

impl Token {
    fn parse(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Answer {
            token: Option<String>,
            access_token: Option<String>,
            expires_in: Option<u64>,
        }
        let answer: Answer = serde_json::from_slice(body).ok()?;
        let token = answer.token.filter(|token| !token.is_empty());
        let token = token.or(answer.access_token)?;
        let lifetime = answer.expires_in.unwrap_or(DEFAULT_LIFETIME);
        let lifetime = lifetime.min(LONGEST_LIFETIME).saturating_sub(MARGIN);
        Some(Self {
            header: sensitive(&format!("Bearer {token}"))?,
            until: Instant::now() + Duration::from_secs(lifetime),
        })
    }
}

/// Asks the token service at `realm` for a token.
pub(super) async fn fetch(
    http: &Http,
    realm: &Url,
    service: Option<&str>,
    operation: &Operation,
    credential: Option<&Credential>,
) -> Result<Token, AttemptError> {
    let request = request(realm, service, &operation.scope, credential);
    let response = http.execute(request, operation).await?;
    if matches!(
        response.status(),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
    ) {
        return Err(operation.denied(credential).into());
    }
    let response = http.check(response, operation).await?;
    let body = http.read(response, LONGEST_ANSWER, operation).await?;
    Token::parse(&body).ok_or_else(|| operation.error(ProtocolError::NoToken).into())
}

/// Returns the request for a token: a POST that exchanges an identity token, else a GET, with the password if there is
/// one.
fn request(
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
            .append_pair("scope", &scope.parameters().join(" "))
            .append_pair("refresh_token", token.reveal());
        let form = Bytes::from(form.query().unwrap_or_default().to_owned());
        let mut request = Request::new(Method::POST, url);
        let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, content_type);
        request
            .headers_mut()
            .insert(CONTENT_LENGTH, form.len().into());
        // A body that streams is not sent again after a redirect, wherever that leads.
        let once = futures_util::stream::iter([Ok::<_, std::io::Error>(form)]);
        *request.body_mut() = Some(Body::wrap_stream(once));
        return request;
    }
    let scopes = scope.parameters();
    url.query_pairs_mut()
        .extend_pairs(service)
        .extend_pairs(scopes.iter().map(|scope| ("scope", scope)));
    let mut request = Request::new(Method::GET, url);
    if let Some(header) = credential.and_then(basic) {
        request.headers_mut().insert(AUTHORIZATION, header);
    }
    request
}
