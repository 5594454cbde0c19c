//! Certificates from files and options.

use std::{
    io,
    path::{Path, PathBuf},
};

use reqwest::{Certificate, Identity};
use s2i_core::bounds;
use thiserror::Error;

use crate::registry::{
    error::{Cause, RegistryError},
    options::Options,
};

/// The reason why a file does not have the content that its name implies.
#[derive(Debug, Error)]
enum CertificateError {
    #[error("the file has no certificate")]
    NoCertificate,
    #[error("there is no key `{0}` beside it")]
    NoKey(String),
}

/// The certificate files of one registry.
#[derive(Debug, Default)]
pub(super) struct CertificateFiles {
    authorities: Vec<PathBuf>,
    identity: Option<PathBuf>,
}

impl CertificateFiles {
    /// Lists the files in the registry's subdirectory of each directory.
    pub(super) fn find(registry: &str, dirs: &[PathBuf]) -> Result<Self, RegistryError> {
        let mut files = Self::default();
        for dir in dirs.iter().map(|dir| dir.join(registry)) {
            for path in list(&dir)? {
                match path.extension().and_then(|extension| extension.to_str()) {
                    Some("crt") => files.authorities.push(path),
                    Some("cert") if files.identity.is_none() => files.identity = Some(path),
                    _ => {}
                }
            }
        }
        Ok(files)
    }

    /// Reads the certificates of authorities.
    pub(super) fn authorities(&self) -> Result<Vec<Certificate>, RegistryError> {
        let mut authorities = Vec::new();
        for path in &self.authorities {
            authorities.extend(parse(&read(path)?, || shown(path))?);
        }
        Ok(authorities)
    }

    /// Reads the client certificate, a `*.cert` file with its key in the `*.key` file beside it.
    pub(super) fn identity(&self) -> Result<Option<Identity>, RegistryError> {
        let Some(path) = &self.identity else {
            return Ok(None);
        };
        let invalid = |source: Cause| RegistryError::Certificate {
            from: shown(path),
            source,
        };
        let key = path.with_extension("key");
        if !key.exists() {
            let missing = CertificateError::NoKey(key.display().to_string());
            return Err(invalid(missing.into()));
        }
        let mut pem = read(path)?;
        pem.push(b'\n');
        pem.extend(read(&key)?);
        let identity = Identity::from_pem(&pem);
        identity.map(Some).map_err(|err| invalid(err.into()))
    }
}

/// Returns the certificates of the option.
pub(in crate::registry) fn extra_authorities(
    options: &Options,
) -> Result<Vec<Certificate>, RegistryError> {
    match &options.extra_ca {
        Some(pem) => parse(pem.as_bytes(), || "that is given as an option".into()),
        None => Ok(Vec::new()),
    }
}

fn parse(pem: &[u8], from: impl Fn() -> String) -> Result<Vec<Certificate>, RegistryError> {
    let invalid = |source: Cause| RegistryError::Certificate {
        from: from(),
        source,
    };
    match Certificate::from_pem_bundle(pem) {
        Ok(found) if found.is_empty() => Err(invalid(CertificateError::NoCertificate.into())),
        found => found.map_err(|err| invalid(err.into())),
    }
}

fn shown(path: &Path) -> String {
    format!("`{}`", path.display())
}

fn read(path: &Path) -> Result<Vec<u8>, RegistryError> {
    bounds::read_file(path, bounds::FILE).map_err(RegistryError::file("read", path))
}

/// Lists the files of a directory, sorted; none where it does not exist.
fn list(dir: &Path) -> Result<Vec<PathBuf>, RegistryError> {
    let entries = match std::fs::read_dir(dir) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(RegistryError::file("list", dir))?,
    };
    let paths: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(RegistryError::file("list", dir))?;
    paths.sort();
    Ok(paths)
}
