//! The values of the environment that must not be shown.

use std::{cmp::Reverse, ffi::OsString};

use s2i_core::label::NamePatterns;

use super::console::redact;
use crate::variables;

/// The text in the place of a secret.
const MASK: &str = "redacted";

/// The fewest bytes of a value that is masked wherever it stands: shorter ones are words as well.
const MIN_LENGTH: usize = 6;

/// The endings of names of variables whose values are secret.
const ENDINGS: [&str; 7] = [
    "TOKEN",
    "PASSWORD",
    "PASSWD",
    "SECRET",
    "NPM_AUTH",
    "CREDENTIALS",
    "PRIVATE_KEY",
];

/// The secrets of an environment, as variables and values, the longest value first.
#[derive(Debug, Default)]
pub(crate) struct Secrets(Vec<(String, String)>);

impl Secrets {
    /// Returns the secrets of an environment: each line of the values of variables that are named as such, and the
    /// passwords in URLs.
    pub(crate) fn of(environment: &[(OsString, OsString)]) -> Self {
        let logins = NamePatterns::new(variables::LOGINS);
        let mut secrets = Vec::new();
        for (name, value) in environment {
            let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
                continue;
            };
            let values: Vec<_> = if is_secret(name) || logins.matches(name) {
                value.lines().map(str::trim).collect()
            } else {
                password(value).into_iter().collect()
            };
            let values = values.into_iter().filter(|value| value.len() >= MIN_LENGTH);
            secrets.extend(values.map(|value| (name.to_owned(), value.to_owned())));
        }
        // A secret that contains another one is masked whole.
        secrets.sort_by_key(|(_, value)| Reverse(value.len()));
        Self(secrets)
    }

    /// Returns a text without secrets and without the user information of URLs.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut text = redact(text);
        for (_, value) in &self.0 {
            text = text.replace(value, MASK);
        }
        text
    }

    /// Returns every secret, with the variable that holds it first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter()
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Returns the password of a URL.
fn password(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (user, _) = authority.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let environment = [
            ("NPM_TOKEN", "npm_0123456789"),
            ("MY_SECRET", "short"),
            ("HTTPS_PROXY", "http://me:wordpass@proxy.example.org:3128"),
            ("github_token", "npm_0123456789-and-more"),
            ("TOKENS", "not-a-secret"),
            ("DEPLOY_SECRET", "-- begin\nline-of-a-key\n"),
            ("npm_config__auth", "dXNlcjpwYXNz"),
        ];
        let environment: Vec<_> = environment.map(|(n, v)| (n.into(), v.into())).into();
        let secrets = Secrets::of(&environment);
        for (text, expected) in [
            ("a npm_0123456789b", "a redactedb"),
            ("npm_0123456789-and-more", "redacted"),
            ("wordpass short not-a-secret", "redacted short not-a-secret"),
            ("line-of-a-key, dXNlcjpwYXNz", "redacted, redacted"),
            (
                "https://u:p@example.org/npm_0123456789",
                "https://redacted@example.org/redacted",
            ),
        ] {
            assert_eq!(secrets.redact(text), expected);
        }
    }
}
