//! The client of reqwest: certificates, proxies, redirects.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect};

use super::{
    address::Trust,
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
    trust: &Trust,
    options: &Options,
) -> Result<Client, RegistryError> {
    let files = CertificateFiles::find(registry, &options.certs_dirs)?;
    let mut authorities = extra_authorities(options)?;
    authorities.extend(files.authorities()?);
    let built = builder(trust, &files)?
        .tls_certs_merge(authorities.clone())
        .build();
    let built = match built {
        // A machine without any certificates still reaches registries that need none.
        Err(_) if trust.is_loopback || trust.is_insecure() => {
            builder(trust, &files)?.tls_certs_only(authorities).build()
        }
        built => built,
    };
    built.map_err(|err| RegistryError::Tls {
        registry: registry.into(),
        source: err.into(),
    })
}

/// Sets no time limit for the whole of a request, and no read timeout, which would also end long uploads: transfers are
/// watched where they happen.
fn builder(trust: &Trust, files: &CertificateFiles) -> Result<ClientBuilder, RegistryError> {
    let mut builder = Client::builder()
        .user_agent(concat!("s2i/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .referer(false)
        .redirect(redirects(trust.clone()))
        .tls_danger_accept_invalid_certs(trust.is_insecure());
    if trust.is_loopback {
        builder = builder.no_proxy();
    }
    if let Some(identity) = files.identity()? {
        builder = builder.identity(identity);
    }
    Ok(builder)
}

/// Follows redirects to addresses that requests may go to. reqwest removes credentials when the host, the port or the
/// scheme changes.
fn redirects(trust: Trust) -> redirect::Policy {
    redirect::Policy::custom(move |attempt| {
        if attempt.previous().len() > REDIRECTS {
            attempt.error(ProtocolError::Redirects)
        } else if trust.allows(attempt.url()) {
            attempt.follow()
        } else {
            let host = attempt.url().host_str().unwrap_or_default().to_owned();
            attempt.error(ProtocolError::NotEncrypted(host))
        }
    })
}
