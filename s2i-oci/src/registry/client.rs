//! The HTTP client for one registry: certificates, proxies, redirects.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{Certificate, Client, ClientBuilder, Identity, redirect};
use s2i_core::bounds;

use super::{
    Options,
    error::{Cause, RegistryError, Trouble},
    loopback::is_allowed,
};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How many redirects are followed.
const REDIRECTS: usize = 10;

/// A client for the registry of this name.
pub(super) fn client(
    name: &str,
    loopback: bool,
    options: &Options,
) -> Result<Client, RegistryError> {
    let files = CertificateFiles::of(name, &options.certs_dirs)?;
    let mut authorities = extra_authorities(options)?;
    for path in &files.authorities {
        authorities.extend(read_authorities(path)?);
    }
    let built = builder(loopback, &files)?
        .tls_certs_merge(authorities.clone())
        .build();
    let built = match built {
        // A machine without any certificates still reaches registries on loopback.
        Err(_) if loopback => builder(loopback, &files)?
            .tls_certs_only(authorities)
            .build(),
        built => built,
    };
    built.map_err(|err| RegistryError::Tls {
        registry: name.into(),
        source: Box::new(err),
    })
}

/// No time limit as a whole, and none of the library's for reading, which would also end uploads that
/// take long: transfers are watched where they happen.
fn builder(loopback: bool, files: &CertificateFiles) -> Result<ClientBuilder, RegistryError> {
    let mut builder = Client::builder()
        .user_agent(concat!("s2i/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .referer(false)
        .redirect(redirects(loopback));
    if loopback {
        builder = builder.no_proxy();
    }
    if let Some(path) = &files.identity {
        builder = builder.identity(read_identity(path)?);
    }
    Ok(builder)
}

/// Follows to where requests may go. The library removes credentials when the host, the port or the
/// scheme changes.
fn redirects(loopback: bool) -> redirect::Policy {
    redirect::Policy::custom(move |attempt| {
        if attempt.previous().len() > REDIRECTS {
            attempt.error(Trouble::Redirects)
        } else if is_allowed(attempt.url(), loopback) {
            attempt.follow()
        } else {
            let host = attempt.url().host_str().unwrap_or_default().to_owned();
            attempt.error(Trouble::NotEncrypted(host))
        }
    })
}

/// The certificates of the option.
pub(super) fn extra_authorities(options: &Options) -> Result<Vec<Certificate>, RegistryError> {
    match &options.extra_ca {
        Some(pem) => authorities(pem.as_bytes(), || "that is given as an option".into()),
        None => Ok(Vec::new()),
    }
}

fn read_authorities(path: &Path) -> Result<Vec<Certificate>, RegistryError> {
    authorities(&read(path)?, || shown(path))
}

fn authorities(pem: &[u8], from: impl Fn() -> String) -> Result<Vec<Certificate>, RegistryError> {
    let wrong = |source: Cause| RegistryError::Certificate {
        from: from(),
        source,
    };
    match Certificate::from_pem_bundle(pem) {
        Ok(found) if found.is_empty() => Err(wrong(Box::new(Trouble::NoCertificate))),
        Ok(found) => Ok(found),
        Err(err) => Err(wrong(Box::new(err))),
    }
}

/// The certificate in this `*.cert` with the key beside it.
fn read_identity(path: &Path) -> Result<Identity, RegistryError> {
    let wrong = |source: Cause| RegistryError::Certificate {
        from: shown(path),
        source,
    };
    let key = path.with_extension("key");
    if !key.exists() {
        return Err(wrong(Box::new(Trouble::NoKey(key.display().to_string()))));
    }
    let mut pem = read(path)?;
    pem.push(b'\n');
    pem.extend(read(&key)?);
    Identity::from_pem(&pem).map_err(|err| wrong(Box::new(err)))
}

fn shown(path: &Path) -> String {
    format!("`{}`", path.display())
}

fn read(path: &Path) -> Result<Vec<u8>, RegistryError> {
    bounds::read_file(path, bounds::FILE).map_err(|source| RegistryError::File {
        operation: "read",
        path: path.into(),
        source,
    })
}

/// What lies in the directories for one registry.
#[derive(Debug, Default)]
struct CertificateFiles {
    authorities: Vec<PathBuf>,
    identity: Option<PathBuf>,
}

impl CertificateFiles {
    fn of(name: &str, dirs: &[PathBuf]) -> Result<Self, RegistryError> {
        let mut files = Self::default();
        for dir in dirs.iter().map(|dir| dir.join(name)) {
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
}

/// The files in `dir`, sorted; none where it is missing.
fn list(dir: &Path) -> Result<Vec<PathBuf>, RegistryError> {
    let failed = |source| RegistryError::File {
        operation: "list",
        path: dir.into(),
        source,
    };
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(err) => return Err(failed(err)),
    };
    let paths: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(failed)?;
    paths.sort();
    Ok(paths)
}
