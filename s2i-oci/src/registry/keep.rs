//! Logins that are kept: in the files of Docker and Podman, or with the helpers that these name.

use std::{
    fs::DirBuilder,
    io::{self, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use s2i_core::login::{Credential, HUB_KEY};
use serde_json::{Map, Value, json};
use tempfile::NamedTempFile;

use super::{
    HUB,
    credentials::{ConfigFile, CredentialError, Keyring, plain},
    helper,
};

/// Who keeps a login.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keeper {
    /// This file, unencrypted.
    File(PathBuf),
    /// The credential helper `docker-credential-NAME`.
    Helper(String),
}

impl Keyring {
    /// Keeps a login for the registry of this [name](super::registry_name): in each file that has one for it,
    /// in its place, else in `home`. Where a file names a helper, the helper gets it.
    ///
    /// Helpers are run for that, which needs a tokio runtime with time and I/O enabled.
    ///
    /// # Errors
    /// A file can't be read or written, or a helper fails.
    pub async fn keep(
        &self,
        registry: &str,
        credential: &Credential,
        home: &Path,
    ) -> Result<Vec<Keeper>, CredentialError> {
        let mut files = Vec::new();
        for path in &self.files {
            let file = Logins::read(path)?;
            if !file.keys(registry).is_empty() || file.own_helper(registry).is_some() {
                files.push(file);
            }
        }
        if files.is_empty() {
            files.push(Logins::read(home)?);
        }
        let mut keepers = Vec::new();
        for mut file in files {
            keepers.push(self.keep_in(&mut file, registry, credential).await?);
        }
        Ok(keepers)
    }

    async fn keep_in(
        &self,
        file: &mut Logins,
        registry: &str,
        credential: &Credential,
    ) -> Result<Keeper, CredentialError> {
        let helper = file.helper(registry).map(str::to_owned);
        let entry = match &helper {
            Some(name) => {
                let path = self.helper_path.as_ref();
                helper::store(name, server(registry), credential, path).await?;
                // So that nothing older stays, and everybody sees that there is a login.
                json!({})
            }
            None => entry(credential),
        };
        file.set(registry, &entry);
        file.write()?;
        Ok(match helper {
            Some(name) => Keeper::Helper(name),
            None => Keeper::File(file.path.clone()),
        })
    }

    /// Forgets the logins for the registry of this [name](super::registry_name), wherever they are kept, and
    /// says who kept them.
    ///
    /// # Errors
    /// As [`keep`](Self::keep).
    pub async fn forget(&self, registry: &str) -> Result<Vec<Keeper>, CredentialError> {
        let (mut keepers, path) = (Vec::new(), self.helper_path.as_ref());
        for file in &self.files {
            let mut file = Logins::read(file)?;
            if let Some(name) = file.helper(registry).map(str::to_owned)
                && helper::get(&name, server(registry), path).await?.is_some()
            {
                helper::erase(&name, server(registry), path).await?;
                keepers.push(Keeper::Helper(name));
            }
            if let Some(had_login) = file.remove(registry) {
                file.write()?;
                keepers.extend(had_login.then(|| Keeper::File(file.path.clone())));
            }
        }
        Ok(keepers)
    }
}

/// What helpers and Docker call a registry.
fn server(registry: &str) -> &str {
    if registry == HUB { HUB_KEY } else { registry }
}

/// A login as files have it.
fn entry(credential: &Credential) -> Value {
    match credential {
        Credential::Password { user, password } => {
            json!({"auth": STANDARD.encode(format!("{user}:{}", password.reveal()))})
        }
        Credential::Identity(token) => json!({"identitytoken": token.reveal()}),
    }
}

/// A file of logins, with everything else that stands in it.
struct Logins {
    path: PathBuf,
    known: ConfigFile,
    whole: Map<String, Value>,
}

impl Logins {
    /// The file; an empty one where there is none.
    fn read(path: &Path) -> Result<Self, CredentialError> {
        let bytes = ConfigFile::bytes(path)?;
        let bytes = bytes.as_deref().unwrap_or(b"{}");
        Ok(Self {
            path: path.into(),
            known: ConfigFile::parse(path, bytes)?,
            whole: ConfigFile::parse(path, bytes)?,
        })
    }

    /// What entries for the registry are called in this file.
    fn keys(&self, registry: &str) -> Vec<String> {
        let keys = self.known.auths.keys();
        let own = keys.filter(|key| plain(key) == registry);
        own.cloned().collect()
    }

    /// The helper for this registry alone.
    fn own_helper(&self, registry: &str) -> Option<&str> {
        let mut helpers = self.known.cred_helpers.iter();
        let own = helpers.find(|(key, helper)| plain(key) == registry && !helper.is_empty());
        own.map(|(_, helper)| helper.as_str())
    }

    fn helper(&self, registry: &str) -> Option<&str> {
        let every = self.known.creds_store.as_deref();
        let every = every.filter(|helper| !helper.is_empty());
        self.own_helper(registry).or(every)
    }

    fn set(&mut self, registry: &str, entry: &Value) {
        let mut keys = self.keys(registry);
        if keys.is_empty() {
            keys.push(server(registry).into());
        }
        for key in keys {
            self.auths().insert(key, entry.clone());
        }
    }

    /// Removes what stands there for the registry. Says whether a login was among it; nothing where there
    /// was nothing.
    fn remove(&mut self, registry: &str) -> Option<bool> {
        let keys = self.keys(registry);
        for key in &keys {
            self.auths().remove(key);
        }
        let had_login = keys.iter().any(|key| self.known.auths[key].is_usable());
        (!keys.is_empty()).then_some(had_login)
    }

    fn auths(&mut self) -> &mut Map<String, Value> {
        let auths = self.whole.entry("auths").or_insert_with(|| json!({}));
        auths.as_object_mut().expect("it was read as a map")
    }

    /// Replaces the file by one that is for this user alone. A link stays one.
    fn write(&self) -> Result<(), CredentialError> {
        let path = self.path.canonicalize();
        let path = path.as_deref().unwrap_or(&self.path);
        let written = || {
            let dir = path.parent().unwrap_or(path);
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
            let mut file = NamedTempFile::new_in(dir)?;
            serde_json::to_writer_pretty(&mut file, &self.whole)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            io::Result::Ok(())
        };
        written().map_err(|source| CredentialError::Write {
            path: self.path.clone(),
            source,
        })
    }
}
