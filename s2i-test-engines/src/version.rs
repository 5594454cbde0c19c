//! Version requests to engines, which show that they are running.

use std::process::Command;

use anyhow::{Context, Result};

use crate::{api, host, kind::Kind, kubernetes, state::Endpoint, web};

/// Returns the version of an engine, or an error as long as it does not respond.
pub(crate) fn version(endpoint: &Endpoint) -> Result<String> {
    match endpoint.kind {
        Kind::Registry => {
            web::get(&format!("{}/v2/", endpoint.url))?;
            registry_version()
        }
        Kind::Kubernetes => kubernetes::version(&endpoint.kind.dir()),
        Kind::Docker | Kind::DockerLatest | Kind::Podman | Kind::PodmanUser => {
            api::version(&endpoint.url)
        }
    }
}

/// Returns the version of the registry's program, because the registry does not report its own.
fn registry_version() -> Result<String> {
    let text = host::output(Command::new("docker-registry").arg("--version"))?;
    let version = text.split_whitespace().last();
    let version = version.context("`docker-registry --version` prints nothing")?;
    Ok(version.to_owned())
}
