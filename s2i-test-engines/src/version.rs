//! Asking engines for their version, which shows that they are there.

use std::process::Command;

use anyhow::{Context, Result};

use crate::{api, host, kind::Kind, state::Endpoint, web};

/// Asks an engine for its version: an error as long as it does not answer.
pub(crate) fn version(endpoint: &Endpoint) -> Result<String> {
    if endpoint.kind == Kind::Registry {
        web::get(&format!("{}/v2/", endpoint.url))?;
        return registry_version();
    }
    api::version(&endpoint.url)
}

/// The version of the registry's program: the registry does not tell its own.
fn registry_version() -> Result<String> {
    let text = host::output(Command::new("docker-registry").arg("--version"))?;
    let version = text
        .split_whitespace()
        .last()
        .context("`docker-registry --version` says nothing")?;
    Ok(version.to_owned())
}
