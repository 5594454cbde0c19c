//! Logins that are kept: in the files of Docker and Podman, or with the helpers that these name.

use std::{
    fs::DirBuilder,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, fchown},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use s2i_core::login::Credential;
use serde_json::{Map, Value, json};
use tempfile::NamedTempFile;

use super::{
    credentials::{ConfigFile, CredentialError, Keyring, best, plain, server},
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
    /// Keeps a login for the registry of this [name](super::registry_name): in place of each one that there is
    /// for it, else in `home`. Where a file names a helper, the helper gets it.
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
            if self.knows(&Logins::read(path)?, registry).await {
                files.push(path.as_path());
            }
        }
        if files.is_empty() {
            files.push(home);
        }
        let mut keepers = Vec::new();
        for path in files {
            keepers.push(self.keep_in(path, registry, credential).await?);
        }
        Ok(keepers)
    }

    /// Whether this file leads to a login for the registry. A helper that fails knows none.
    async fn knows(&self, file: &Logins, registry: &str) -> bool {
        if !file.keys(registry).is_empty() || file.own_helper(registry).is_some() {
            return true;
        }
        let Some(helper) = file.helper(registry) else {
            return false;
        };
        let found = helper::get(helper, server(registry), self.helper_path.as_ref()).await;
        matches!(found, Ok(Some(_)))
    }

    async fn keep_in(
        &self,
        path: &Path,
        registry: &str,
        credential: &Credential,
    ) -> Result<Keeper, CredentialError> {
        let file = Logins::read(path)?;
        let Some(helper) = file.helper(registry).map(str::to_owned) else {
            Logins::change(path, |file| file.set(registry, &entry(credential)))?;
            return Ok(Keeper::File(path.into()));
        };
        let helpers = self.helper_path.as_ref();
        helper::store(&helper, server(registry), credential, helpers).await?;
        // So that nothing older stays, and everybody sees that there is a login.
        Logins::change(path, |file| file.set(registry, &json!({})))?;
        Ok(Keeper::Helper(helper))
    }

    /// Forgets the logins for the registry of this [name](super::registry_name), wherever they are kept, and
    /// says who kept them.
    ///
    /// # Errors
    /// As [`keep`](Self::keep). What comes after a helper that failed is forgotten all the same.
    pub async fn forget(&self, registry: &str) -> Result<Vec<Keeper>, CredentialError> {
        let (mut keepers, mut failed) = (Vec::new(), None);
        for path in &self.files {
            let file = Logins::read(path)?;
            if !file.keys(registry).is_empty() {
                Logins::change(path, |file| file.remove(registry))?;
            }
            keepers.extend(file.has_login(registry).then(|| Keeper::File(path.clone())));
            for helper in file.helpers(registry) {
                match self.erase(helper, registry).await {
                    Ok(true) => keepers.push(Keeper::Helper(helper.into())),
                    Ok(false) => {}
                    Err(err) => failed = failed.or(Some(err)),
                }
            }
        }
        failed.map_or(Ok(keepers), Err)
    }

    /// Lets a helper forget what it has for the registry. Says whether it had something.
    async fn erase(&self, helper: &str, registry: &str) -> Result<bool, CredentialError> {
        let path = self.helper_path.as_ref();
        if helper::get(helper, server(registry), path).await?.is_none() {
            return Ok(false);
        }
        helper::erase(helper, server(registry), path).await?;
        Ok(true)
    }
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
    known: ConfigFile,
    whole: Map<String, Value>,
}

impl Logins {
    /// The file; an empty one where there is none.
    fn read(path: &Path) -> Result<Self, CredentialError> {
        let bytes = ConfigFile::bytes(path)?;
        let bytes = bytes.as_deref().unwrap_or(b"{}");
        Ok(Self {
            known: ConfigFile::parse(path, bytes)?,
            whole: ConfigFile::parse(path, bytes)?,
        })
    }

    /// Changes the file as it is at this moment.
    fn change(path: &Path, change: impl FnOnce(&mut Self)) -> Result<(), CredentialError> {
        let mut file = Self::read(path)?;
        change(&mut file);
        replace(path, &file.whole).map_err(|source| CredentialError::Write {
            path: path.into(),
            source,
        })
    }

    /// What entries for the registry are called in this file.
    fn keys(&self, registry: &str) -> Vec<String> {
        let keys = self.known.auths.keys();
        let own = keys.filter(|key| plain(key) == registry);
        own.cloned().collect()
    }

    fn has_login(&self, registry: &str) -> bool {
        let keys = self.keys(registry);
        keys.iter().any(|key| self.known.auths[key].is_usable())
    }

    /// The helper for this registry alone.
    fn own_helper(&self, registry: &str) -> Option<&str> {
        let own = best(&self.known.cred_helpers, registry, |helper| {
            !helper.is_empty()
        });
        own.map(|(_, helper)| helper.as_str())
    }

    /// The helpers that are asked for this registry, first first.
    fn helpers(&self, registry: &str) -> impl Iterator<Item = &str> {
        let every = self.known.creds_store.as_deref();
        let every = every.filter(|helper| !helper.is_empty());
        self.own_helper(registry).into_iter().chain(every)
    }

    /// The helper that a login for the registry is for.
    fn helper(&self, registry: &str) -> Option<&str> {
        self.helpers(registry).next()
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

    fn remove(&mut self, registry: &str) {
        for key in self.keys(registry) {
            self.auths().remove(&key);
        }
    }

    fn auths(&mut self) -> &mut Map<String, Value> {
        let auths = self.whole.entry("auths").or_insert_with(|| json!({}));
        auths.as_object_mut().expect("it was read as a map")
    }
}

/// Replaces a file by one that is the same user's, and nobody else's. A link stays one.
fn replace(path: &Path, whole: &Map<String, Value>) -> io::Result<()> {
    let path = target(path);
    let dir = path.parent().unwrap_or(&path);
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mut file = NamedTempFile::new_in(dir)?;
    serde_json::to_writer_pretty(&mut file, whole)?;
    file.write_all(b"\n")?;
    if let Ok(old) = path.metadata() {
        fchown(file.as_file(), Some(old.uid()), Some(old.gid()))?;
    }
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

/// Where a link leads, even if nothing is there yet.
fn target(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| {
        let leads = path.read_link().ok().zip(path.parent());
        leads.map_or_else(|| path.into(), |(target, dir)| dir.join(target))
    })
}
