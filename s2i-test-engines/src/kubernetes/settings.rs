//! The configuration files of the parts, made of templates.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::ports;
use crate::{network::Bridge, wait::Starting};

const KUBELET: &str = include_str!("../../kubernetes/kubelet.yaml");
const CONTAINERD: &str = include_str!("../../kubernetes/containerd.toml");
const NETWORK: &str = include_str!("../../kubernetes/bridge.conflist");
const REGISTRY: &str = include_str!("../../kubernetes/registry.yaml");
const HOSTS: &str = include_str!("../../kubernetes/hosts.toml");

/// The folder of Debian's network plugins.
const CNI_BIN: &str = "/usr/lib/cni";

/// The resolver of the machine. Pods get a copy, because the original may be a link into `/run`.
const RESOLVER: &str = "/etc/resolv.conf";

/// Names and their values in a template.
type Values<'a> = [(&'a str, &'a str)];

/// Writes all files below `etc`.
pub(super) fn write(starting: &Starting, bridge: Bridge) -> Result<()> {
    let dir = starting.kind().dir().display().to_string();
    let registry = ports::registry();
    let (gateway, subnet) = (bridge.gateway(), bridge.subnet());
    let values: [(&str, &str); 9] = [
        ("DIR", &dir),
        ("GATEWAY", &gateway),
        ("SUBNET", &subnet),
        ("BRIDGE", bridge.name),
        ("CGROUP", &starting.kind().cgroup()),
        ("KUBELET_PORT", &ports::KUBELET.to_string()),
        ("CNI_BIN", CNI_BIN),
        ("REGISTRY", &registry),
        ("PAUSE_IMAGE", &format!("{registry}/pause:1")),
    ];
    for (name, template) in [
        ("etc/kubelet.yaml", KUBELET),
        ("etc/containerd.toml", CONTAINERD),
        ("etc/cni/10-bridge.conflist", NETWORK),
        ("etc/registry.yaml", REGISTRY),
    ] {
        starting.write(name, &fill(template, &values)?)?;
    }
    for host in [registry.clone(), ports::pod_registry()] {
        let folder = format!("etc/registries/{host}");
        let path = starting.path(&folder);
        fs::create_dir(&path).with_context(|| format!("can't create `{}`", path.display()))?;
        let hosts = fill(HOSTS, &[("REGISTRY", &host)])?;
        starting.write(&format!("{folder}/hosts.toml"), &hosts)?;
    }
    let resolver =
        fs::read_to_string(RESOLVER).with_context(|| format!("can't read `{RESOLVER}`"))?;
    starting.write("etc/resolv.conf", &resolver)?;
    Ok(())
}

/// Returns a template with a value for each `@NAME@`.
pub(super) fn fill(template: &str, values: &Values) -> Result<String> {
    let mut text = template.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("@{name}@"), value);
    }
    let name = text.split('@').nth(1).unwrap_or_default();
    ensure!(!text.contains('@'), "a template has no value for `{name}`");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_template_gets_its_value() {
        assert_eq!(
            fill("@A@/@B@ @A@\n", &[("A", "x"), ("B", "y")]).unwrap(),
            "x/y x\n"
        );
    }

    #[test]
    fn place_without_a_value_is_an_error_that_names_it() {
        let message = fill("a @B@ c", &[("A", "x")]).unwrap_err().to_string();
        assert_eq!(message, "a template has no value for `B`");
    }
}
