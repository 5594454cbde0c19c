//! The configuration file of Docker and Podman, as far as it is about credentials.

use std::{collections::BTreeMap, io, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use s2i_core::{
    ImageRef, Secret, bounds,
    credential::{Credential, server_address},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{error::CredentialError, replace::replace};

/// Docker's `config.json` or Podman's `auth.json`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct DockerConfig {
    auths: BTreeMap<String, AuthEntry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
    /// All other fields. In the old format of Docker, `.dockercfg`, these are the entries for registries.
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

impl DockerConfig {
    /// Reads the file; a file that does not exist is an empty one.
    pub(super) fn read(path: &Path) -> Result<Self, CredentialError> {
        Self::parse(path, &contents(path)?)
    }

    /// Reads the text of a file. The path is for errors.
    pub(super) fn parse(path: &Path, text: &[u8]) -> Result<Self, CredentialError> {
        let mut config: Self = parse(path, text)?;
        for (key, value) in std::mem::take(&mut config.others) {
            if is_old_entry(&value)
                && let Ok(entry) = serde_json::from_value(value)
            {
                config.auths.entry(key).or_insert(entry);
            }
        }
        Ok(config)
    }

    /// Returns the keys of the entries for this registry.
    fn keys(&self, registry: &str) -> impl Iterator<Item = &String> {
        let keys = self.auths.keys();
        keys.filter(move |key| normalized(key) == registry)
    }

    /// Returns whether there is an entry for this registry, even an empty one.
    pub(super) fn has_entry(&self, registry: &str) -> bool {
        self.keys(registry).next().is_some()
    }

    /// Returns whether an entry for this registry holds a credential.
    pub(super) fn has_credential(&self, registry: &str) -> bool {
        let mut keys = self.keys(registry);
        keys.any(|key| self.auths[key].is_usable())
    }

    /// Returns the entry of exactly this name that holds a credential, with its key.
    pub(super) fn entry(&self, name: &str) -> Option<(&String, &AuthEntry)> {
        best(&self.auths, name, AuthEntry::is_usable)
    }

    /// Returns the name of the credential helper for exactly this name.
    pub(super) fn own_helper(&self, name: &str) -> Option<&str> {
        let own = best(&self.cred_helpers, name, |helper| !helper.is_empty());
        own.map(|(_, helper)| helper.as_str())
    }

    /// Returns the name of the credential helper for all registries.
    pub(super) fn default_helper(&self) -> Option<&str> {
        let helper = self.creds_store.as_deref();
        helper.filter(|helper| !helper.is_empty())
    }

    /// Returns the names of the helpers that may hold a credential for this registry. The first gets new ones.
    pub(super) fn helpers(&self, registry: &str) -> impl Iterator<Item = &str> {
        let own = self.own_helper(registry).into_iter();
        own.chain(self.default_helper())
    }

    /// Writes this entry in place of each one for the registry, or as the first one. `None` leaves an empty entry, the
    /// mark for a credential that a helper holds.
    pub(super) fn set(
        path: &Path,
        registry: &str,
        credential: Option<&Credential>,
    ) -> Result<(), CredentialError> {
        let entry = credential.map_or_else(|| json!({}), encoded);
        edit(path, registry, |mut keys, auths| {
            if keys.is_empty() {
                keys.push(server_address(registry).into());
            }
            auths.extend(keys.into_iter().map(|key| (key, entry.clone())));
        })
    }

    /// Removes all entries for the registry.
    pub(super) fn remove(path: &Path, registry: &str) -> Result<(), CredentialError> {
        edit(path, registry, |keys, auths| {
            for key in keys {
                auths.remove(&key);
            }
        })
    }
}

/// Changes the entries of a file as it is at this moment, given the keys of those for the registry. Everything else in
/// the file stays.
fn edit(
    path: &Path,
    registry: &str,
    change: impl FnOnce(Vec<String>, &mut Map<String, Value>),
) -> Result<(), CredentialError> {
    let bytes = contents(path)?;
    let config = DockerConfig::read(path)?;
    let mut whole: Map<String, Value> = parse(path, &bytes)?;
    let keys: Vec<_> = config.keys(registry).cloned().collect();
    // An entry of the old format moves to the place of the others.
    for key in &keys {
        if whole.get(key).is_some_and(is_old_entry) {
            whole.remove(key);
        }
    }
    let auths = whole.entry("auths").or_insert_with(|| json!({}));
    let auths = auths.as_object_mut().expect("it was read as a map");
    change(keys, auths);
    replace(path, &whole).map_err(|source| CredentialError::Write {
        path: path.into(),
        source,
    })
}

/// Returns whether a field of the file is an entry of the old format, which has them at its top.
fn is_old_entry(value: &Value) -> bool {
    value.get("auth").is_some_and(Value::is_string)
}

/// Returns the text of the file, or that of an empty configuration.
fn contents(path: &Path) -> Result<Vec<u8>, CredentialError> {
    match bounds::read_file(path, bounds::FILE) {
        Err(err)
            if matches!(
                err.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(b"{}".to_vec())
        }
        read => read.map_err(|source| CredentialError::Read {
            path: path.into(),
            source,
        }),
    }
}

fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, CredentialError> {
    // The parser's own message may quote a password in a wrong position.
    serde_json::from_slice(bytes).map_err(|err| CredentialError::Parse {
        path: path.into(),
        line: err.line(),
        column: err.column(),
    })
}

/// The credential of one registry or of some of its repositories.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AuthEntry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

impl AuthEntry {
    /// Returns whether the entry is more than the mark for a credential that a helper holds.
    fn is_usable(&self) -> bool {
        let fields = [&self.auth, &self.identitytoken, &self.username];
        fields.into_iter().flatten().any(|field| !field.is_empty())
    }

    /// Decodes the entry.
    pub(super) fn credential(&self) -> Option<Credential> {
        let non_empty = |field: &'_ Option<String>| field.clone().filter(|text| !text.is_empty());
        if let Some(token) = non_empty(&self.identitytoken) {
            return Some(Credential::Identity(Secret::new(token)));
        }
        let (user, password) = match non_empty(&self.auth) {
            Some(auth) => {
                let text = String::from_utf8(STANDARD.decode(auth).ok()?).ok()?;
                let (user, password) = text.split_once(':')?;
                // Docker has padded with zeroes once.
                (user.to_owned(), password.trim_matches('\0').to_owned())
            }
            None => (self.username.clone()?, self.password.clone()?),
        };
        let password = Secret::new(password);
        Some(Credential::Password { user, password })
    }
}

/// Returns the text of a file with these credentials, by registry, and nothing else.
pub(super) fn document(credentials: &BTreeMap<String, Credential>) -> String {
    let entries = credentials.iter();
    let entries = entries.map(|(registry, credential)| {
        let key = server_address(registry).to_owned();
        (key, encoded(credential))
    });
    json!({ "auths": entries.collect::<Map<_, _>>() }).to_string()
}

/// Encodes a credential as an entry.
fn encoded(credential: &Credential) -> Value {
    match credential {
        Credential::Password { user, password } => {
            json!({"auth": STANDARD.encode(format!("{user}:{}", password.reveal()))})
        }
        Credential::Identity(token) => json!({"identitytoken": token.reveal()}),
    }
}

/// Returns the usable entry of this name. A key that is exactly the name comes before others that mean it.
fn best<'a, T>(
    entries: &'a BTreeMap<String, T>,
    name: &str,
    is_usable: impl Fn(&T) -> bool,
) -> Option<(&'a String, &'a T)> {
    let exact = entries.get_key_value(name);
    let others = entries.iter().filter(|(key, _)| normalized(key) == name);
    exact
        .into_iter()
        .chain(others)
        .find(|(_, value)| is_usable(value))
}

/// Returns a key as image names have it: without the scheme and the version that Docker and Podman have put around the
/// host, and with `docker.io` for the other hosts of Docker Hub.
pub(crate) fn normalized(key: &str) -> String {
    let key = ["https://", "http://"]
        .iter()
        .find_map(|scheme| key.strip_prefix(scheme))
        .unwrap_or(key);
    let key = key.trim_end_matches('/');
    let key = ["/v1", "/v2"]
        .iter()
        .find_map(|version| key.strip_suffix(version))
        .unwrap_or(key);
    let (host, path) = key.split_at(key.find('/').unwrap_or(key.len()));
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" => ImageRef::DEFAULT_REGISTRY,
        host => host,
    };
    format!("{host}{path}")
}
