//! The division of variables into those that the result keeps and those for `assemble` alone.

use std::collections::HashMap;

use s2i_core::{EnvVar, Secret, environment, label::NamePatterns, secret};

use crate::{facts::SourceFacts, request::BuildRequest};

/// The name endings of variables that contain the address of a server that a build uses.
const ADDRESSES: [&str; 3] = ["proxy", "mirror", "registry"];

/// The variables of the source and of the user.
pub(super) struct Variables {
    /// For every script and for the result.
    pub(super) kept: Vec<EnvVar>,
    /// For `assemble` alone, and overridden by all others.
    pub(super) assemble: Vec<EnvVar>,
    /// For `assemble` alone, without a value in any log.
    pub(super) secrets: Vec<Secret>,
}

impl Variables {
    /// Divides the variables. Secrets are the variables that the user or the builder image declares as such, and the
    /// addresses of proxies and the like that contain a user: such a login is for the environment of the build, not for
    /// that of the application. Other addresses are kept, as the Go `s2i` does; an application may need its proxy. A
    /// variable with the name of a secret is never kept.
    pub(super) fn new(source: &SourceFacts, request: &BuildRequest, named: &NamePatterns) -> Self {
        let all = environment::merge([&source.environment[..], &request.env[..]]);
        let is_secret = |variable: &EnvVar| named.matches(variable.name()) || is_login(variable);
        let is_overridden = |variable: &EnvVar| all.iter().any(|own| own.name() == variable.name());
        let assemble = request.assemble_env.iter();
        let assemble = assemble
            .filter(|variable| !is_overridden(variable))
            .cloned();
        let (hidden, assemble): (Vec<_>, Vec<_>) = assemble.partition(is_secret);
        let (found, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(is_secret);
        let found = hidden.into_iter().chain(found).map(Secret::from);
        let all: Vec<Secret> = found.chain(request.secrets.iter().cloned()).collect();
        // The last variable of a name counts.
        let last: HashMap<_, _> = all.iter().map(Secret::name).zip(0..).collect();
        let is_last = |(place, secret): &(usize, &Secret)| last[secret.name()] == *place;
        let secrets = all.iter().enumerate().filter(is_last);
        let kept = rest
            .into_iter()
            .filter(|variable| !last.contains_key(variable.name()));
        Self {
            kept: kept.collect(),
            assemble,
            secrets: secrets.map(|(_, secret)| secret.clone()).collect(),
        }
    }
}

/// Returns whether the variable is an address that contains a user.
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

    #[test]
    fn variables_for_assemble_are_overridden_by_all_others_and_hidden_if_they_have_a_login() {
        let variable = |text: &str| text.parse::<EnvVar>().unwrap();
        let location = "./app".parse().unwrap();
        let mut request = BuildRequest::new(location, "builder".parse().unwrap());
        request.env = vec![variable("MODE=own"), variable("NO_PROXY=own")];
        request.assemble_env = [
            "MODE=job",
            "COMPRESS=true",
            "HTTP_PROXY=http://me:word@proxy",
            "NO_PROXY=me:word@host",
        ]
        .map(variable)
        .to_vec();
        let found = Variables::new(&SourceFacts::default(), &request, &NamePatterns::default());
        assert_eq!(found.kept, request.env);
        assert_eq!(found.assemble, [variable("COMPRESS=true")]);
        let hidden: Vec<_> = found.secrets.iter().map(Secret::name).collect();
        assert_eq!(hidden, ["HTTP_PROXY"]);
    }
}
