//! The addresses on which the engine listens.

use std::{io, net::TcpListener};

use anyhow::{Result, anyhow};

use crate::{kind::Kind, network::Bridge};

const LOOPBACK: &str = "127.0.0.1";

/// The port of the API server, on loopback.
pub(super) const API: u16 = 16443;

/// The port of the kubelet, on the address of the bridge.
pub(super) const KUBELET: u16 = 16250;

/// The port of the registry, on loopback and on the address of the bridge.
pub(super) const REGISTRY: u16 = 15000;

/// Returns the URL of the API server.
pub(super) fn api() -> String {
    format!("https://{LOOPBACK}:{API}")
}

/// Returns the registry's name for this machine and for images of pods, `HOST:PORT`. It has neither TLS nor users.
#[must_use]
pub fn registry() -> String {
    format!("{LOOPBACK}:{REGISTRY}")
}

/// Returns the name of the same registry inside of pods, which is valid on this machine and for images of pods
/// as well.
///
/// # Panics
/// Never: this kind of engine has a bridge.
#[must_use]
pub fn pod_registry() -> String {
    let bridge = Bridge::of(Kind::Kubernetes).expect("Kubernetes has a bridge");
    format!("{}:{REGISTRY}", bridge.gateway())
}

/// Fails if another program listens on an address of the engine. Without this check, a part would end, and the
/// reason would be in its log alone.
pub(super) fn require_free(bridge: Bridge) -> Result<()> {
    let gateway = bridge.gateway();
    [
        (LOOPBACK, API),
        (LOOPBACK, REGISTRY),
        (&gateway, REGISTRY),
        (&gateway, KUBELET),
    ]
    .into_iter()
    .try_for_each(|(address, port)| require(address, port))
}

fn require(address: &str, port: u16) -> Result<()> {
    match TcpListener::bind((address, port)) {
        Ok(_) => Ok(()),
        Err(err) if err.kind() == io::ErrorKind::AddrInUse => Err(anyhow!(
            "port {port} of {address} is in use; end the program that `ss -ltnp sport = :{port}` shows"
        )),
        Err(err) => Err(anyhow!("can't listen on port {port} of {address}: {err}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_in_use_is_named_with_the_command_that_shows_its_program() {
        let listener = TcpListener::bind((LOOPBACK, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let message = require(LOOPBACK, port).unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("port {port} of 127.0.0.1 is in use")),
            "{message}"
        );
        assert!(message.contains(&format!("sport = :{port}")), "{message}");
        drop(listener);
        require(LOOPBACK, port).unwrap();
    }

    #[test]
    fn registry_has_one_name_on_loopback_and_one_on_the_bridge() {
        let bridge = Bridge::of(Kind::Kubernetes).unwrap();
        assert_eq!(registry(), "127.0.0.1:15000");
        assert_eq!(pod_registry(), format!("{}:15000", bridge.gateway()));
    }
}
