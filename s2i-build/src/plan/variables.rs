//! Which variables the result keeps, and which only `assemble` gets.

use std::collections::HashMap;

use s2i_core::{EnvVar, Secret, environment, label::NamePatterns, secret};

use crate::{facts::SourceFacts, request::BuildRequest};

/// How names of variables end that hold the address of a server, of one that a build asks.
const ADDRESSES: [&str; 3] = ["proxy", "mirror", "registry"];

/// The variables of the source and of the user.
pub(super) struct Variables {
    /// For every script and for the result.
    pub(super) kept: Vec<EnvVar>,
    /// For `assemble` alone.
    pub(super) secrets: Vec<Secret>,
}

impl Variables {
    /// Sorts them. A secret is what the user calls one, what the builder image calls one, and an
    /// address of a proxy or the like with a user in it: it is a login to the place where the image
    /// was built, not to where it runs. Other addresses are kept, as s2i always did; an application
    /// may need its proxy. Nothing that has the name of a secret is kept.
    pub(super) fn new(source: &SourceFacts, request: &BuildRequest, named: &NamePatterns) -> Self {
        let all = environment::merge([&source.environment[..], &request.env[..]]);
        let (found, rest): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|variable| named.matches(variable.name()) || is_login(variable));
        let found = found.into_iter().map(Secret::from);
        let all: Vec<Secret> = found.chain(request.secrets.iter().cloned()).collect();
        // Of one name the last counts.
        let last: HashMap<_, _> = all.iter().map(Secret::name).zip(0..).collect();
        let is_last = |(place, secret): &(usize, &Secret)| last[secret.name()] == *place;
        let secrets = all.iter().enumerate().filter(is_last);
        let kept = rest
            .into_iter()
            .filter(|variable| !last.contains_key(variable.name()));
        Self {
            kept: kept.collect(),
            secrets: secrets.map(|(_, secret)| secret.clone()).collect(),
        }
    }
}

/// Whether it is an address with a user in it.
fn is_login(variable: &EnvVar) -> bool {
    let name = variable.name().to_ascii_lowercase();
    let is_address = ADDRESSES.iter().any(|ending| name.ends_with(ending));
    is_address && secret::credentials(variable.value()).next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_a_user_are_logins() {
        for (variable, expected) in [
            (
                "HTTPS_PROXY=http://me:password@proxy.example.org:3128",
                true,
            ),
            ("http_proxy=me:password@proxy.example.org", true),
            ("GOPROXY=https://example.org,https://me@example.org", true),
            ("NPM_MIRROR=https://token@example.org/all/", true),
            ("HTTPS_PROXY=http://proxy.example.org:3128", false),
            ("NPM_CONFIG_REGISTRY=https://npm.example.org/@team/", false),
            ("GOPROXY=direct", false),
            ("DATABASE_URL=postgres://me:password@db/app", false),
            ("MAINTAINER=me@example.org", false),
        ] {
            assert_eq!(is_login(&variable.parse().unwrap()), expected, "{variable}");
        }
    }
}
