//! Asking engines for their version, which shows that they are there.

use std::process::Command;

use anyhow::{Context, Result};

use super::{http, kind::Kind, state::Endpoint};
use crate::host;

/// Asks an engine for its version: an error as long as it does not answer.
pub(crate) fn version(endpoint: &Endpoint) -> Result<String> {
    if endpoint.kind == Kind::Registry {
        http::get(&endpoint.url, "/v2/")?;
        return registry_version();
    }
    let answer = http::get(&endpoint.url, "/version")?;
    let field = |name: &str| {
        answer
            .get(name)
            .and_then(|value| value.as_str())
            .unwrap_or("?")
            .to_owned()
    };
    Ok(format!("{}, API {}", field("Version"), field("ApiVersion")))
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
