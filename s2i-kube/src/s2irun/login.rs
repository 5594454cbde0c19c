//! The logins of a configuration, which the operator has taken from Secrets and written in clear text.

use s2i_core::{ImageRef, Secret};
use serde_json::{Map, Value, json};

use super::{RunConfigError, read::Fields};
use crate::job::{GitPassword, RegistryLogins};

/// The key under which files of Docker have the login of its own registry.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// A login of a registry.
pub(super) struct Login {
    /// The field, for messages.
    pub(super) field: &'static str,
    user: String,
    password: Secret<String>,
    /// The registry, without a scheme and a path.
    pub(super) server: Option<String>,
}

impl Login {
    /// Takes a login out. There is none if it has neither a name nor a password.
    pub(super) fn take(
        fields: &mut Fields,
        name: &'static str,
        field: &'static str,
    ) -> Result<Option<Self>, RunConfigError> {
        let Some(mut login) = fields.object(name)? else {
            return Ok(None);
        };
        if login.object("secretref")?.is_some() {
            let reason = "the operator has to put the login in its place";
            return Err(RunConfigError::refused(
                format!("{field}.secretRef"),
                reason,
            ));
        }
        let (user, password) = (login.text("username")?, login.text("password")?);
        let server = login.text("serveraddress")?;
        let server = server
            .map(|server| host(&server))
            .filter(|host| !host.is_empty());
        Ok(Some(Self {
            field,
            user: user.unwrap_or_default(),
            password: Secret::new(password.unwrap_or_default()),
            server,
        }))
    }

    /// Returns whether there is a name and a password.
    pub(super) fn is_complete(&self) -> bool {
        !self.user.is_empty() && !self.password.reveal().is_empty()
    }
}

/// Returns the host of an address of a registry, as files of Docker have it.
fn host(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    match host {
        "index.docker.io" | "registry-1.docker.io" => ImageRef::DEFAULT_REGISTRY.to_owned(),
        host => host.to_owned(),
    }
}

/// Returns the logins as a file of Docker, each with its registry. Of several for one registry the first one counts; the
/// fields of the others are returned.
pub(super) fn file(logins: Vec<(Login, String)>) -> (Option<RegistryLogins>, Vec<&'static str>) {
    let mut entries: Map<String, Value> = Map::new();
    let mut left_out = Vec::new();
    for (login, registry) in logins {
        let key = if registry == ImageRef::DEFAULT_REGISTRY {
            DOCKER_HUB.to_owned()
        } else {
            registry
        };
        let entry = json!({"username": login.user, "password": login.password.reveal()});
        match entries.get(&key) {
            Some(known) if *known != entry => left_out.push(login.field),
            _ => drop(entries.insert(key, entry)),
        }
    }
    if entries.is_empty() {
        return (None, left_out);
    }
    let config = Secret::new(json!({"auths": entries}).to_string());
    (Some(RegistryLogins { config }), left_out)
}

/// Divides the URL of a repository into one without a login, and the login.
pub(super) fn of_url(url: &str) -> (String, Option<GitPassword>) {
    let Some((scheme, rest)) = url.split_once("://") else {
        return (url.to_owned(), None);
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let is_http = ["http", "https"]
        .iter()
        .any(|http| scheme.eq_ignore_ascii_case(http));
    match authority.rsplit_once('@') {
        // The user of SSH is a part of the address.
        Some((login, host)) if is_http => {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            let login = GitPassword {
                user: decoded(user),
                password: Secret::new(decoded(password)),
            };
            (format!("{scheme}://{host}{path}"), Some(login))
        }
        _ => (url.to_owned(), None),
    }
}

/// Returns a part of a URL with its escapes replaced. What is no text then stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after
            .get(..2)
            .and_then(|digits| str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(escaped) if byte == b'%' => {
                bytes.push(escaped);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_is_taken_out_of_a_url() {
        for (url, plain, login) in [
            (
                "https://ci:p%40ss%3Aw@git.example.org/shop.git",
                "https://git.example.org/shop.git",
                Some(("ci", "p@ss:w")),
            ),
            (
                "https://token@git.example.org",
                "https://git.example.org",
                Some(("token", "")),
            ),
            (
                "https://git.example.org/a@b",
                "https://git.example.org/a@b",
                None,
            ),
            (
                "ssh://git@git.example.org/shop",
                "ssh://git@git.example.org/shop",
                None,
            ),
            ("git@git.example.org:shop", "git@git.example.org:shop", None),
        ] {
            let (shown, found) = of_url(url);
            let found = found.map(|login| (login.user, login.password.reveal().clone()));
            let expected = login.map(|(user, password)| (user.to_owned(), password.to_owned()));
            assert_eq!((shown.as_str(), found), (plain, expected), "{url}");
        }
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%ff"), "%ff");
    }

    #[test]
    fn registries_are_named_as_files_of_docker_name_them() {
        for (address, expected) in [
            ("https://index.docker.io/v1/", "docker.io"),
            ("https://registry.example.org", "registry.example.org"),
            ("registry.example.org:5000/v2/", "registry.example.org:5000"),
        ] {
            assert_eq!(host(address), expected, "{address}");
        }
    }
}
