//! Challenges: the headers `WWW-Authenticate` of a response.

use http_auth::parser::ChallengeParser;
use reqwest::Url;
use thiserror::Error;

/// The authentication that a registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// User and password in every request.
    Basic,
    /// A token of a token service.
    Bearer {
        /// The URL of the token service.
        realm: Url,
        /// The name of the registry at the token service.
        service: Option<String>,
    },
}

/// The reason why there is no challenge that can be answered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChallengeError {
    /// No challenge is of a known kind.
    #[error("it asks for a login of a kind that is not supported")]
    Unsupported,
    /// The token service at this host has no TLS.
    #[error("it led to `{0}`, which is not encrypted")]
    NotEncrypted(String),
}

impl Challenge {
    /// Parses the values of the headers `WWW-Authenticate` of one response. Where they offer a choice, a token is
    /// better than a password in every request. `is_allowed` decides whether a token service may be asked at this URL,
    /// which depends on the registry if the service has no TLS.
    ///
    /// # Errors
    /// [`ChallengeError`].
    pub fn parse<'h>(
        headers: impl IntoIterator<Item = &'h str>,
        is_allowed: impl Fn(&Url) -> bool,
    ) -> Result<Self, ChallengeError> {
        let mut found = Err(ChallengeError::Unsupported);
        let challenges = headers
            .into_iter()
            .flat_map(|header| ChallengeParser::new(header).map_while(Result::ok));
        for challenge in challenges {
            let parameter = |name: &str| {
                let mut parameters = challenge.params.iter();
                let found = parameters.find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_unescaped())
            };
            if challenge.scheme.eq_ignore_ascii_case("basic") {
                found = Ok(Self::Basic);
            }
            let realm = parameter("realm").and_then(|realm| Url::parse(&realm).ok());
            if let Some(realm) = realm.filter(|_| challenge.scheme.eq_ignore_ascii_case("bearer")) {
                if !is_allowed(&realm) {
                    let host = realm.host_str().unwrap_or_default().to_owned();
                    return Err(ChallengeError::NotEncrypted(host));
                }
                let service = parameter("service");
                return Ok(Self::Bearer { realm, service });
            }
        }
        found
    }
}
