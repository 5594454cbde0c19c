//! Credentials for registries, from the files of Docker and Podman and from credential helpers.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use s2i_core::{
    ImageRef, bounds,
    login::{Credential, HUB_KEY, Hidden},
};
use serde::{Deserialize, de::DeserializeOwned};
use thiserror::Error;

use super::{HUB, helper, host::is_address, place};

/// Why credentials can't be read, kept or removed. Its texts never quote from the files.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The file can't be read.
    #[error("can't read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file can't be written.
    #[error("can't write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("`{}` is no valid configuration: see its line {line}, column {column}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where the mistake is, from 1.
        line: usize,
        /// Where the mistake is, from 1.
        column: usize,
    },
    /// The entry for the registry is not the base64 of `user:password`.
    #[error("the entry `{key}` in `{}` does not hold a user and a password", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The entry's name.
        key: String,
    },
    /// A configured credential helper has a name that could lead elsewhere.
    #[error("`{0}` can't be the name of a credential helper")]
    HelperName(String),
    /// A configured credential helper is not installed.
    #[error("there is no credential helper `docker-credential-{0}`")]
    NoHelper(String),
    /// A credential helper can't be run.
    #[error("can't run `{}`", program.display())]
    RunHelper {
        /// The program.
        program: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A credential helper takes too long.
    #[error("`{}` did not end within {} seconds", program.display(), limit.as_secs_f32())]
    HelperTime {
        /// The program.
        program: PathBuf,
        /// How long it may take.
        limit: Duration,
    },
    /// A credential helper failed.
    #[error("`{}` ended with {status}", program.display())]
    HelperFailed {
        /// The program.
        program: PathBuf,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// A credential helper did not follow the protocol.
    #[error("`{}` did not answer with credentials", program.display())]
    HelperAnswer {
        /// The program.
        program: PathBuf,
    },
}

impl CredentialError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoHelper(_) | Self::HelperName(_) => Some(
                "install it, or remove it from `credsStore` and `credHelpers` of the configuration and log in again".into(),
            ),
            Self::HelperTime { program, .. }
            | Self::HelperFailed { program, .. }
            | Self::HelperAnswer { program } => Some(format!(
                "see what `{} list` says; it must work without s2i first",
                program.display()
            )),
            _ => None,
        }
    }
}

/// Where credentials are looked for: the files of Docker and Podman, and the helpers that these name.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    /// Files of one format; the first that knows the registry counts. They need not exist.
    pub files: Vec<PathBuf>,
    /// Directories with credential helpers, as in `PATH`; relative ones are not looked into.
    pub helper_path: Option<OsString>,
}

impl Keyring {
    /// The credentials for the repository of this image, where there are some. Helpers are run for that,
    /// which needs a tokio runtime with time and I/O enabled.
    ///
    /// # Errors
    /// A file that is there can't be read, or a helper that it names fails.
    pub async fn find_for(&self, image: &ImageRef) -> Result<Option<Credential>, CredentialError> {
        let (registry, repository) = place(image);
        self.find(&registry, &repository).await
    }

    /// The credentials for `repository` of `registry`, where there are some.
    pub(super) async fn find(
        &self,
        registry: &str,
        repository: &str,
    ) -> Result<Option<Credential>, CredentialError> {
        for path in &self.files {
            if let Some(file) = ConfigFile::read(path)?
                && let Some(credential) = self.find_in(path, &file, registry, repository).await?
            {
                return Ok(Some(credential));
            }
        }
        Ok(None)
    }

    /// A helper for this registry comes first, then what stands in the file, then the helper for
    /// all registries: whoever logs in gets an entry in exactly one of them.
    async fn find_in(
        &self,
        path: &Path,
        file: &ConfigFile,
        registry: &str,
        repository: &str,
    ) -> Result<Option<Credential>, CredentialError> {
        let server = server(registry);
        for name in names(registry, repository) {
            if let Some((_, helper)) = best(&file.cred_helpers, &name, |helper| !helper.is_empty())
                && let Some(found) = helper::get(helper, server, self.helper_path.as_ref()).await?
            {
                return Ok(Some(found));
            }
            if let Some((key, entry)) = best(&file.auths, &name, Entry::is_usable) {
                return match entry.credential() {
                    Some(credential) => Ok(Some(credential)),
                    None => Err(CredentialError::Entry {
                        path: path.into(),
                        key: key.clone(),
                    }),
                };
            }
        }
        match file.creds_store.as_deref() {
            None | Some("") => Ok(None),
            Some(helper) => helper::get(helper, server, self.helper_path.as_ref()).await,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ConfigFile {
    pub(super) auths: BTreeMap<String, Entry>,
    pub(super) cred_helpers: BTreeMap<String, String>,
    pub(super) creds_store: Option<String>,
}

impl ConfigFile {
    fn read(path: &Path) -> Result<Option<Self>, CredentialError> {
        let bytes = contents(path)?;
        bytes.map(|bytes| parse(path, &bytes)).transpose()
    }
}

/// What stands in the file, where there is one.
pub(super) fn contents(path: &Path) -> Result<Option<Vec<u8>>, CredentialError> {
    match bounds::read_file(path, bounds::FILE) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(err)
            if matches!(
                err.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(source) => Err(CredentialError::Read {
            path: path.into(),
            source,
        }),
    }
}

/// What a file means.
pub(super) fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, CredentialError> {
    // The parser's own message may quote a password that stands in the wrong place.
    serde_json::from_slice(bytes).map_err(|err| CredentialError::Parse {
        path: path.into(),
        line: err.line(),
        column: err.column(),
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

impl Entry {
    /// Files that go with a helper have empty entries for what the helper knows.
    pub(super) fn is_usable(&self) -> bool {
        let fields = [&self.auth, &self.identitytoken, &self.username];
        fields.into_iter().flatten().any(|field| !field.is_empty())
    }

    fn credential(&self) -> Option<Credential> {
        if let Some(token) = self
            .identitytoken
            .as_ref()
            .filter(|token| !token.is_empty())
        {
            return Some(Credential::Identity(Hidden::new(token.clone())));
        }
        let (user, password) = match self.auth.as_deref().filter(|auth| !auth.is_empty()) {
            Some(auth) => {
                let text = String::from_utf8(STANDARD.decode(auth).ok()?).ok()?;
                let (user, password) = text.split_once(':')?;
                // Docker has filled up with zeroes once.
                (user.to_owned(), password.trim_matches('\0').to_owned())
            }
            None => (self.username.clone()?, self.password.clone()?),
        };
        let password = Hidden::new(password);
        Some(Credential::Password { user, password })
    }
}

/// What helpers and Docker call a registry.
pub(super) fn server(registry: &str) -> &str {
    if registry == HUB { HUB_KEY } else { registry }
}

/// What an entry for this repository can be called, most particular first.
fn names(registry: &str, repository: &str) -> Vec<String> {
    let full = format!("{registry}/{repository}");
    let ends = full.match_indices('/').map(|(at, _)| at);
    let mut names: Vec<_> = ends.map(|end| full[..end].to_owned()).collect();
    names.push(full.clone());
    names.reverse();
    names
}

/// The usable entry of that name. One that is called exactly so comes before others that mean it.
pub(super) fn best<'a, T>(
    entries: &'a BTreeMap<String, T>,
    name: &str,
    is_usable: impl Fn(&T) -> bool,
) -> Option<(&'a String, &'a T)> {
    let exact = entries.get_key_value(name);
    let others = entries.iter().filter(|(key, _)| plain(key) == name);
    exact
        .into_iter()
        .chain(others)
        .find(|(_, value)| is_usable(value))
}

/// What a registry is called in names of images and by what keeps logins, from how people write it: as `host` or
/// `host:port`, with a scheme or a version, in capitals, or by another name of Docker Hub.
///
/// ```
/// use s2i_oci::registry::registry_name;
///
/// assert_eq!(registry_name("https://index.docker.io/v1/").as_deref(), Some("docker.io"));
/// assert_eq!(registry_name("Registry.example.org:5000").as_deref(), Some("registry.example.org:5000"));
/// assert_eq!(registry_name("registry.example.org/team"), None);
/// ```
#[must_use]
pub fn registry_name(text: &str) -> Option<String> {
    let name = plain(&text.to_ascii_lowercase());
    is_address(&name).then_some(name)
}

/// A key without what Docker, Podman and their ancestors put around the host.
pub(super) fn plain(key: &str) -> String {
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
        "index.docker.io" | "registry-1.docker.io" => HUB,
        host => host,
    };
    format!("{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries `name: user`, each with the password `p:w`.
    fn keyring(dir: &Path, users: &[(&str, &str)]) -> Keyring {
        let auths: BTreeMap<_, _> = users
            .iter()
            .map(|(name, user)| {
                let auth = STANDARD.encode(format!("{user}:p:w\0"));
                (name, BTreeMap::from([("auth", auth)]))
            })
            .collect();
        let path = dir.join("config.json");
        let config = serde_json::json!({ "auths": auths, "HttpHeaders": {"x": "y"} });
        std::fs::write(&path, config.to_string()).unwrap();
        Keyring {
            files: vec![dir.join("absent/auth.json"), path],
            helper_path: None,
        }
    }

    #[tokio::test]
    async fn the_most_particular_entry_counts() {
        let dir = tempfile::tempdir().unwrap();
        let keys = keyring(
            dir.path(),
            &[
                ("https://index.docker.io/v1/", "hub"),
                ("docker.io/team", "hub-team"),
                ("https://example.org/v2/", "scheme"),
                ("example.org:5000", "port"),
                ("example.org/a", "path"),
                ("example.org/a/b", "longer"),
                ("plain.example.org", "exact"),
                ("http://plain.example.org", "alias"),
            ],
        );
        for (registry, repository, expected) in [
            ("docker.io", "library/go", Some("hub")),
            ("docker.io", "team/go", Some("hub-team")),
            ("docker.io", "teamwork/go", Some("hub")),
            ("example.org", "x", Some("scheme")),
            ("example.org", "ab", Some("scheme")),
            ("example.org", "a", Some("path")),
            ("example.org", "a/c/d", Some("path")),
            ("example.org", "a/b/c", Some("longer")),
            ("example.org:5000", "a/b", Some("port")),
            ("example.org:5001", "a/b", None),
            ("plain.example.org", "a", Some("exact")),
            ("other.example.org", "a", None),
        ] {
            let found = keys.find(registry, repository).await.unwrap();
            assert_eq!(
                found.as_ref().map(Credential::user),
                expected,
                "{registry}/{repository}"
            );
            if let Some(Credential::Password { password, .. }) = found {
                assert_eq!(password.reveal(), "p:w");
            }
        }
    }

    #[tokio::test]
    async fn every_form_of_entry_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("auth.json");
        let keys = Keyring {
            files: vec![path.clone()],
            helper_path: None,
        };
        for (entry, expected) in [
            (r#"{"username": "u", "password": "p"}"#, Ok(Some("u"))),
            (
                r#"{"auth": "dTo=", "identitytoken": "t"}"#,
                Ok(Some("<token>")),
            ),
            (r#"{"email": "a@example.org"}"#, Ok(None)),
            ("{}", Ok(None)),
            (r#"{"auth": ""}"#, Ok(None)),
            (
                r#"{"auth": "top-secret"}"#,
                Err("the entry `r.example` in `FILE` does not hold a user and a password"),
            ),
            (
                r#""top-secret""#,
                Err("`FILE` is no valid configuration: see its line 1, column 36"),
            ),
        ] {
            std::fs::write(&path, format!(r#"{{"auths": {{"r.example": {entry}}}}}"#)).unwrap();
            let found = keys.find("r.example", "a").await;
            let found = found
                .as_ref()
                .map(|found| found.as_ref().map(Credential::user))
                .map_err(|err| {
                    assert!(!format!("{err:?}").contains("top-secret"));
                    err.to_string().replace(path.to_str().unwrap(), "FILE")
                });
            assert_eq!(found, expected.map_err(str::to_owned), "{entry}");
        }
    }
}
