//! Credentials for registries, where Docker and Podman keep them.
//!
//! A [`CredentialStore`] reads, writes and erases the entries that `docker login` and `podman login` make in their
//! configuration files, and runs the credential helpers that these files name. Its verbs are those of the protocol of
//! credential helpers: `get`, `store` and `erase`. s2i has no file of its own for credentials.

pub(crate) mod config;
mod env;
mod error;
mod helper;
mod replace;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use s2i_core::{
    ImageRef, Secret,
    credential::{Credential, server_address},
};

pub use env::CredentialEnv;
pub use error::CredentialError;

use config::DockerConfig;
use helper::Helper;

/// The variable with the text of a configuration file, as CI platforms give it to jobs.
const AUTH_CONFIG: &str = "DOCKER_AUTH_CONFIG";

/// The configuration files of Docker and Podman, and the credential helpers that these name.
///
/// Registries are named as in full names of images: `docker.io`, or a host with an optional port in lower case. The
/// methods run helpers, which needs a tokio runtime with time and I/O enabled.
#[derive(Clone, Debug, Default)]
pub struct CredentialStore {
    /// The files, all of one format. The first with a credential counts. They need not exist.
    pub files: Vec<PathBuf>,
    /// The text of another file of this format, which counts after the files: `DOCKER_AUTH_CONFIG`. It is never written.
    pub auth_config: Option<Secret<String>>,
    /// The directories with credential helpers, as in `PATH`. Relative ones are left out.
    pub helper_path: Option<OsString>,
}

/// The location of a stored credential.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialLocation {
    /// This file, unencrypted.
    File(PathBuf),
    /// The credential helper `docker-credential-NAME`.
    Helper(String),
}

impl CredentialStore {
    /// Returns the credential for the repository of this image, where there is one.
    ///
    /// # Errors
    /// A file can't be read, or a helper that it names fails.
    pub async fn get_for(&self, image: &ImageRef) -> Result<Option<Credential>, CredentialError> {
        let (registry, repository) = image.registry_and_repository();
        self.get(&registry, &repository).await
    }

    /// Returns the credential for all repositories of a registry, where there is one.
    ///
    /// # Errors
    /// As [`get_for`](Self::get_for).
    pub async fn get_for_registry(
        &self,
        registry: &str,
    ) -> Result<Option<Credential>, CredentialError> {
        self.get(registry, "").await
    }

    /// Returns the credential for a repository of a registry, where there is one.
    pub(crate) async fn get(
        &self,
        registry: &str,
        repository: &str,
    ) -> Result<Option<Credential>, CredentialError> {
        for path in &self.files {
            let config = DockerConfig::read(path)?;
            if let Some(found) = self.get_from(&config, path, registry, repository).await? {
                return Ok(Some(found));
            }
        }
        let Some(text) = &self.auth_config else {
            return Ok(None);
        };
        let name = Path::new(AUTH_CONFIG);
        let config = DockerConfig::parse(name, text.reveal().as_bytes())?;
        self.get_from(&config, name, registry, repository).await
    }

    /// Looks in one file, whose path is for errors. The helper of a registry comes first, then the entries of the file, then the helper for all
    /// registries: a login makes an entry in exactly one of them.
    async fn get_from(
        &self,
        config: &DockerConfig,
        path: &Path,
        registry: &str,
        repository: &str,
    ) -> Result<Option<Credential>, CredentialError> {
        let server = server_address(registry);
        for name in names(registry, repository) {
            if let Some(helper) = config.own_helper(&name)
                && let Some(found) = self.helper(helper).get(server).await?
            {
                return Ok(Some(found));
            }
            if let Some((key, entry)) = config.entry(&name) {
                let credential = entry.credential();
                return credential.map(Some).ok_or_else(|| CredentialError::Entry {
                    path: path.into(),
                    key: key.clone(),
                });
            }
        }
        match config.default_helper() {
            Some(helper) => self.helper(helper).get(server).await,
            None => Ok(None),
        }
    }

    /// Stores a credential for the registry: in place of each one that there is, else in `default_file`. Where a file
    /// names a helper, the helper gets it.
    ///
    /// # Errors
    /// A file can't be read or written, or a helper fails.
    pub async fn store(
        &self,
        registry: &str,
        credential: &Credential,
        default_file: &Path,
    ) -> Result<Vec<CredentialLocation>, CredentialError> {
        let mut files = Vec::new();
        for path in &self.files {
            if self.has(&DockerConfig::read(path)?, registry).await? {
                files.push(path.as_path());
            }
        }
        if files.is_empty() {
            files.push(default_file);
        }
        let mut locations = Vec::new();
        for path in files {
            locations.push(self.store_in(path, registry, credential).await?);
        }
        Ok(locations)
    }

    /// Returns whether a credential for the registry would be found by way of this file.
    async fn has(&self, config: &DockerConfig, registry: &str) -> Result<bool, CredentialError> {
        if config.has_entry(registry) || config.own_helper(registry).is_some() {
            return Ok(true);
        }
        let Some(helper) = config.default_helper() else {
            return Ok(false);
        };
        // A helper that fails would end the search for a credential as well.
        let found = self.helper(helper).get(server_address(registry)).await?;
        Ok(found.is_some())
    }

    async fn store_in(
        &self,
        path: &Path,
        registry: &str,
        credential: &Credential,
    ) -> Result<CredentialLocation, CredentialError> {
        let config = DockerConfig::read(path)?;
        let Some(name) = config.helpers(registry).next() else {
            DockerConfig::set(path, registry, Some(credential))?;
            return Ok(CredentialLocation::File(path.into()));
        };
        let helper = self.helper(name);
        helper.store(server_address(registry), credential).await?;
        // An empty entry replaces an older credential, and lists the registry in the file.
        DockerConfig::set(path, registry, None)?;
        Ok(CredentialLocation::Helper(name.into()))
    }

    /// Erases the credentials for the registry, wherever they are stored, and returns where they were. A failure does
    /// not end it.
    ///
    /// # Errors
    /// As [`store`](Self::store). It is the first failure, beside the locations whose credentials were erased.
    pub async fn erase(
        &self,
        registry: &str,
    ) -> (Vec<CredentialLocation>, Result<(), CredentialError>) {
        let (mut locations, mut all) = (Vec::new(), Ok(()));
        for path in &self.files {
            let erased = self.erase_in(path, registry, &mut locations).await;
            all = all.and(erased);
        }
        (locations, all)
    }

    async fn erase_in(
        &self,
        path: &Path,
        registry: &str,
        locations: &mut Vec<CredentialLocation>,
    ) -> Result<(), CredentialError> {
        let config = DockerConfig::read(path)?;
        let mut all = Ok(());
        if config.has_entry(registry) {
            all = DockerConfig::remove(path, registry);
        }
        if all.is_ok() && config.has_credential(registry) {
            locations.push(CredentialLocation::File(path.into()));
        }
        for name in config.helpers(registry) {
            let erased = self.erase_with(&self.helper(name), registry).await;
            if let Ok(true) = erased {
                locations.push(CredentialLocation::Helper(name.into()));
            }
            all = all.and(erased.map(drop));
        }
        all
    }

    /// Erases the credential that a helper holds. Returns whether it held one.
    async fn erase_with(
        &self,
        helper: &Helper<'_>,
        registry: &str,
    ) -> Result<bool, CredentialError> {
        let server = server_address(registry);
        if helper.get(server).await?.is_none() {
            return Ok(false);
        }
        helper.erase(server).await?;
        Ok(true)
    }

    fn helper<'a>(&'a self, name: &'a str) -> Helper<'a> {
        Helper::new(name, self.helper_path.as_deref())
    }
}

/// Returns the text of a configuration file of Docker with these credentials, by registry, for a client on another
/// machine. It has no helper, and the credentials are not encrypted.
///
/// ```
/// use s2i_core::{Secret, credential::Credential};
/// use s2i_oci::credentials::document;
///
/// let password = Secret::new("secret".to_owned());
/// let login = Credential::Password { user: "me".into(), password };
/// let text = document(&[("docker.io".to_owned(), login)].into());
/// let expected = r#"{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6c2VjcmV0"}}}"#;
/// assert_eq!(text.reveal(), expected);
/// ```
#[must_use]
pub fn document(credentials: &BTreeMap<String, Credential>) -> Secret<String> {
    Secret::new(config::document(credentials))
}

/// Returns the names that an entry for this repository can have, most particular first. Without a repository, it is the
/// name of the registry.
fn names(registry: &str, repository: &str) -> Vec<String> {
    let full = if repository.is_empty() {
        registry.to_owned()
    } else {
        format!("{registry}/{repository}")
    };
    let ends = full.rmatch_indices('/').map(|(at, _)| at);
    let ends = std::iter::once(full.len()).chain(ends);
    ends.map(|end| full[..end].to_owned()).collect()
}
