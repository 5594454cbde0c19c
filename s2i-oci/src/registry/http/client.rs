//! The client of reqwest: certificates, proxies, redirects.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect};

use super::{
    address::is_allowed,
    certificates::{CertificateFiles, extra_authorities},
};
use crate::registry::{
    error::{ProtocolError, RegistryError},
    options::Options,
};

/// The time that connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// The number of redirects that are followed.
const REDIRECTS: usize = 10;

/// Returns a client for the registry of this name.
pub(super) fn client(
    registry: &str,
    is_loopback: bool,
    options: &Options,
) -> Result<Client, RegistryError> {
    let files = CertificateFiles::find(registry, &options.certs_dirs)?;
    let mut authorities = extra_authorities(options)?;
    authorities.extend(files.authorities()?);
    let built = builder(is_loopback, &files)?
        .tls_certs_merge(authorities.clone())
        .build();
    let built = match built {
        // A machine without any certificates still reaches registries on loopback.
        Err(_) if is_loopback => builder(is_loopback, &files)?
            .tls_certs_only(authorities)
            .build(),
        built => built,
    };
    built.map_err(|err| RegistryError::Tls {
        registry: registry.into(),
        source: err.into(),
    })
}

/// Sets no time limit for the whole of a request, and no read timeout, which would also end long uploads: transfers are
/// watched where they happen.
fn builder(is_loopback: bool, files: &CertificateFiles) -> Result<ClientBuilder, RegistryError> {
    let mut builder = Client::builder()
        .user_agent(concat!("s2i/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .referer(false)
        .redirect(redirects(is_loopback));
    if is_loopback {
        builder = builder.no_proxy();
    }
    if let Some(identity) = files.identity()? {
        builder = builder.identity(identity);
    }
    Ok(builder)
}

/// Follows redirects to addresses that requests may go to. reqwest removes credentials when the host, the port or the
/// scheme changes.
fn redirects(is_loopback: bool) -> redirect::Policy {
    redirect::Policy::custom(move |attempt| {
        if attempt.previous().len() > REDIRECTS {
            attempt.error(ProtocolError::Redirects)
        } else if is_allowed(attempt.url(), is_loopback) {
            attempt.follow()
        } else {
            let host = attempt.url().host_str().unwrap_or_default().to_owned();
            attempt.error(ProtocolError::NotEncrypted(host))
        }
    })
}
