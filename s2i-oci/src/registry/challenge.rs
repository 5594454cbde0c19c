//! Reads the challenges of registries: the headers `WWW-Authenticate` of an answer.

use http_auth::parser::ChallengeParser;
use reqwest::Url;
use thiserror::Error;

use super::loopback::is_allowed;

/// The authentication that a registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// User and password in every request.
    Basic,
    /// A token of a login service.
    Bearer {
        /// The login service.
        realm: Url,
        /// The name that the login service has for the registry.
        service: Option<String>,
    },
}

/// Why there is no challenge that can be answered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChallengeFault {
    /// There is none of a kind that is known.
    #[error("asks for no kind of login that is known")]
    None,
    /// The login service at this host is spoken to without encryption.
    #[error("sends logins to `{0}` without encryption")]
    NotEncrypted(String),
}

impl Challenge {
    /// Reads the values of the headers `WWW-Authenticate` of one answer. Where they offer a choice, a
    /// token is better than a password in every request. `from_loopback` says whether the registry is on
    /// this machine: only then the login service may be there without encryption.
    ///
    /// # Errors
    /// [`ChallengeFault`].
    pub fn parse<'h>(
        headers: impl IntoIterator<Item = &'h str>,
        from_loopback: bool,
    ) -> Result<Self, ChallengeFault> {
        let mut found = Err(ChallengeFault::None);
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
                if !is_allowed(&realm, from_loopback) {
                    let host = realm.host_str().unwrap_or_default().to_owned();
                    return Err(ChallengeFault::NotEncrypted(host));
                }
                let service = parameter("service");
                return Ok(Self::Bearer { realm, service });
            }
        }
        found
    }
}
