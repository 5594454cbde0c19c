//! Logins that are kept: in the files of Docker and Podman, or with the helpers that these name.

use std::{
    fs::{DirBuilder, File, Metadata},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, fchown},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use s2i_core::login::Credential;
use serde_json::{Map, Value, json};
use tempfile::NamedTempFile;

use super::{
    credentials::{ConfigFile, CredentialError, Keyring, best, contents, parse, plain, server},
    helper,
};

/// How many links are followed, as the kernel does.
const LINKS: usize = 40;

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
            if self.knows(&Logins::read(path)?, registry).await? {
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

    /// Whether this file leads to a login for the registry.
    async fn knows(&self, file: &Logins, registry: &str) -> Result<bool, CredentialError> {
        if !file.keys(registry).is_empty() || file.own_helper(registry).is_some() {
            return Ok(true);
        }
        let Some(helper) = file.helper(registry) else {
            return Ok(false);
        };
        // One that fails would end the search for a login as well.
        let found = helper::get(helper, server(registry), self.helper_path.as_ref()).await?;
        Ok(found.is_some())
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
    /// says who kept them. What comes after something that failed is forgotten all the same.
    ///
    /// # Errors
    /// As [`keep`](Self::keep); the first, beside those that did forget.
    pub async fn forget(&self, registry: &str) -> (Vec<Keeper>, Result<(), CredentialError>) {
        let (mut keepers, mut all) = (Vec::new(), Ok(()));
        for path in &self.files {
            let done = self.forget_in(path, registry, &mut keepers).await;
            all = all.and(done);
        }
        (keepers, all)
    }

    async fn forget_in(
        &self,
        path: &Path,
        registry: &str,
        keepers: &mut Vec<Keeper>,
    ) -> Result<(), CredentialError> {
        let file = Logins::read(path)?;
        let mut all = Ok(());
        if !file.keys(registry).is_empty() {
            all = Logins::change(path, |file| file.remove(registry));
        }
        if all.is_ok() && file.has_login(registry) {
            keepers.push(Keeper::File(path.into()));
        }
        for helper in file.helpers(registry) {
            let erased = self.erase(helper, registry).await;
            if let Ok(true) = erased {
                keepers.push(Keeper::Helper(helper.into()));
            }
            all = all.and(erased.map(drop));
        }
        all
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
        let bytes = contents(path)?;
        let bytes = bytes.as_deref().unwrap_or(b"{}");
        Ok(Self {
            known: parse(path, bytes)?,
            whole: parse(path, bytes)?,
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
        give(file.as_file(), &old)?;
    }
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

/// Gives a file to whom another one belongs.
fn give(file: &File, old: &Metadata) -> io::Result<()> {
    // Whether its group may read it is of no matter: nobody but the user may.
    let _ = fchown(file, None, Some(old.gid()));
    if file.metadata()?.uid() == old.uid() {
        return Ok(());
    }
    fchown(file, Some(old.uid()), None)
}

/// Where a link leads, even if nothing is there yet.
fn target(path: &Path) -> PathBuf {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS {
        let Ok(leads) = path.read_link() else { break };
        path = path.parent().unwrap_or(&path).join(leads);
    }
    path
}
