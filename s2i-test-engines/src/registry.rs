//! A registry on loopback, without a certificate and without users.

use std::path::Path;

use anyhow::Result;

use crate::{process::detached, state::Endpoint, wait::Starting};

/// The address of the registry. Engines accept a registry on loopback without a certificate; Podman needs a
/// setting for it.
pub(crate) const ADDRESS: &str = "127.0.0.1:5005";

/// Starts the registry.
pub(crate) fn start(starting: &mut Starting) -> Result<Endpoint> {
    let settings = format!(
        "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {:?}\n  delete:\n    enabled: true\nhttp:\n  addr: {ADDRESS}\n",
        starting.text("data"),
    );
    let settings = starting.write("config.yml", &settings)?;
    let mut registry = detached(Path::new("docker-registry"));
    starting.spawn("registry", registry.arg("serve").arg(settings))?;
    starting.wait_for_answer(format!("http://{ADDRESS}"), None)
}
