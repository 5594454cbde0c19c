//! The programs that each engine needs, and the installation of missing ones.

use std::{collections::BTreeSet, path::Path, process::Command};

use anyhow::{Result, bail};

use crate::{docker_latest, host, kind::Kind, kubernetes};

/// A requirement of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Need {
    /// The name of a program on `PATH`, or the path of a file.
    name: &'static str,
    source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// A Debian package.
    Apt(&'static str),
    /// An instruction for the user.
    Hand(&'static str),
}

const fn apt(name: &'static str, package: &'static str) -> Need {
    Need {
        name,
        source: Source::Apt(package),
    }
}

const SETSID: Need = apt("setsid", "util-linux");
const IP: Need = apt("ip", "iproute2");
const IPTABLES: Need = apt("iptables", "iptables");
const CONTAINERD: Need = apt("containerd", "containerd");
const SHIM: Need = apt("containerd-shim-runc-v2", "containerd");
const RUNC: Need = apt("runc", "runc");
const PODMAN: Need = apt("podman", "podman");
const CONMON: Need = apt("conmon", "conmon");
const UNSHARE: Need = apt("unshare", "util-linux");
const DOCKER_REGISTRY: Need = apt("docker-registry", "docker-registry");
const CNI_BRIDGE: Need = apt("/usr/lib/cni/bridge", "containernetworking-plugins");
const GO: Need = Need {
    name: "go",
    source: Source::Hand("unpack a release of Go, 1.26 or newer, and put its `bin` on PATH"),
};
const PRLIMIT: Need = apt("prlimit", "util-linux");

const DOCKER: &[Need] = &[
    apt("dockerd", "docker.io"),
    apt("docker-proxy", "docker.io"),
    CONTAINERD,
    SHIM,
    RUNC,
    IP,
    IPTABLES,
    SETSID,
];
const DOCKER_LATEST: &[Need] = &[CONTAINERD, SHIM, IP, IPTABLES, SETSID];
const DOCKER_LATEST_BUILD: &[Need] = &[
    GO,
    apt("gcc", "gcc"),
    apt("pkg-config", "pkg-config"),
    apt("/usr/include/seccomp.h", "libseccomp-dev"),
    apt("git", "git"),
];
const PODMAN_ROOT: &[Need] = &[
    PODMAN,
    CONMON,
    RUNC,
    CNI_BRIDGE,
    IP,
    IPTABLES,
    apt("iptables-restore", "iptables"),
    UNSHARE,
    PRLIMIT,
    SETSID,
];
const PODMAN_USER: &[Need] = &[
    PODMAN,
    CONMON,
    RUNC,
    apt("newuidmap", "uidmap"),
    apt("fuse-overlayfs", "fuse-overlayfs"),
    apt("useradd", "passwd"),
    apt("setpriv", "util-linux"),
    PRLIMIT,
    SETSID,
];
const REGISTRY: &[Need] = &[DOCKER_REGISTRY, SETSID];
const KUBERNETES: &[Need] = &[
    CONTAINERD,
    SHIM,
    RUNC,
    CNI_BRIDGE,
    apt("/usr/lib/cni/host-local", "containernetworking-plugins"),
    apt("/usr/lib/cni/loopback", "containernetworking-plugins"),
    DOCKER_REGISTRY,
    apt("socat", "socat"),
    apt("bash", "bash"),
    IP,
    IPTABLES,
    UNSHARE,
    SETSID,
];
const KUBERNETES_BUILD: &[Need] = &[GO];

/// Fails with the commands that install the missing programs of these kinds, or runs those commands.
pub fn check(kinds: &[Kind], install: bool) -> Result<()> {
    let missing = || -> Vec<_> { kinds.iter().flat_map(|kind| missing(*kind)).collect() };
    let mut needs = missing();
    if install && !packages(&needs).is_empty() {
        apt_get(&needs)?;
        needs = missing();
    }
    if needs.is_empty() {
        return Ok(());
    }
    bail!("{}", explain(&needs))
}

/// Returns the names of the missing programs of a kind.
pub(crate) fn missing_names(kind: Kind) -> Vec<&'static str> {
    missing(kind).into_iter().map(|need| need.name).collect()
}

fn missing(kind: Kind) -> Vec<Need> {
    let mut needs = match kind {
        Kind::Docker => DOCKER.to_vec(),
        Kind::DockerLatest => DOCKER_LATEST.to_vec(),
        Kind::Podman => PODMAN_ROOT.to_vec(),
        Kind::PodmanUser => PODMAN_USER.to_vec(),
        Kind::Registry => REGISTRY.to_vec(),
        Kind::Kubernetes => KUBERNETES.to_vec(),
    };
    if kind == Kind::DockerLatest && !docker_latest::is_built() {
        needs.extend(DOCKER_LATEST_BUILD);
    }
    if kind == Kind::Kubernetes && !kubernetes::is_built() {
        needs.extend(KUBERNETES_BUILD);
    }
    needs.retain(|need| !is_there(need.name));
    needs
}

fn is_there(name: &str) -> bool {
    if name.starts_with('/') {
        Path::new(name).exists()
    } else {
        host::find(name).is_some()
    }
}

fn packages(needs: &[Need]) -> BTreeSet<&'static str> {
    let packages = needs.iter().filter_map(|need| match need.source {
        Source::Apt(package) => Some(package),
        Source::Hand(_) => None,
    });
    packages.collect()
}

fn explain(needs: &[Need]) -> String {
    let names = needs.iter().map(|need| format!("`{}`", need.name));
    let names = names.collect::<BTreeSet<_>>().into_iter();
    let names = names.collect::<Vec<_>>().join(", ");
    let packages = packages(needs).into_iter().collect::<Vec<_>>().join(" ");
    let by_hand = needs.iter().filter_map(|need| match need.source {
        Source::Apt(_) => None,
        Source::Hand(how) => Some(how.to_owned()),
    });
    let mut lines = vec![format!("not on this machine: {names}; install with:")];
    if !packages.is_empty() {
        lines.push(format!(
            "apt-get install --no-install-recommends {packages}"
        ));
        lines.push("(`cargo xtask engine up --install` does that)".to_owned());
    }
    lines.extend(by_hand);
    lines.join("\n  ")
}

fn apt_get(needs: &[Need]) -> Result<()> {
    let command = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    host::run(command().arg("update"))?;
    let mut install = command();
    install.args(["install", "--yes", "--no-install-recommends"]);
    host::run(install.args(packages(needs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_programs_come_with_the_install_command() {
        let text = explain(&[
            apt("dockerd", "docker.io"),
            apt("docker-proxy", "docker.io"),
            RUNC,
        ]);
        assert!(
            text.starts_with(
                "not on this machine: `docker-proxy`, `dockerd`, `runc`; install with:"
            ),
            "{text}"
        );
        assert!(
            text.contains("\n  apt-get install --no-install-recommends docker.io runc\n"),
            "{text}"
        );
    }

    #[test]
    fn missing_package_is_reported() {
        let text = explain(&DOCKER_LATEST_BUILD[..1]);
        assert!(
            text.contains("unpack a release of Go") && !text.contains("apt-get"),
            "{text}"
        );
    }

    #[test]
    fn a_need_is_a_program_or_a_file() {
        assert!(is_there("sh") && is_there("/etc"));
        assert!(!is_there("no-such-program") && !is_there("/no/such/file"));
    }
}
