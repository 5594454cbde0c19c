//! Kubernetes: a control plane, one node and a registry.
//!
//! The program of all parts is built from source once. The parts run in a PID and a mount namespace of
//! their own, whose first process is `node.sh`: they end with it, and their mounts and the network namespaces of
//! pods disappear with them. The bridge, its rules, the control groups and the folder remain for `stop` and the
//! removal of any engine.

mod build;
mod certificates;
mod image;
mod kubectl;
mod ports;
mod settings;
mod stop;

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::{DirBuilderExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    cgroups, kind::Kind, network::Bridge, process::detached, state::Endpoint, wait::Starting,
};

pub(crate) use self::{
    build::{build, is_built},
    kubectl::version,
    stop::stop,
};
pub use self::{
    kubectl::contents,
    ports::{pod_registry, registry},
};

/// The parts that are links to the one program.
const PARTS: [&str; 6] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kubectl",
];

/// The folders that the parts expect, with their modes.
const FOLDERS: [(&str, u32); 14] = [
    ("bin", 0o755),
    ("pki", 0o700),
    ("log", 0o755),
    ("run", 0o700),
    ("kubelet", 0o755),
    ("cni", 0o755),
    ("registry", 0o755),
    ("sysctl", 0o755),
    ("varlog", 0o755),
    ("varlog/pods", 0o755),
    ("varlog/containers", 0o755),
    ("etc", 0o755),
    ("etc/cni", 0o755),
    ("etc/registries", 0o755),
];

/// The first process of the namespaces.
const NODE: &str = include_str!("../../kubernetes/node.sh");

/// The controllers that run: those of jobs, of deployments, of claims and of what belongs to every namespace.
const CONTROLLERS: &str = include_str!("../../kubernetes/controllers.txt");

/// The addresses of Services. No part forwards them; the API server requires a range.
const SERVICES: &str = "10.221.255.0/24";

/// Returns the path of the file with which a client of the engine has all rights.
#[must_use]
pub fn kubeconfig() -> PathBuf {
    Kind::Kubernetes.dir().join(kubectl::KUBECONFIG)
}

/// Starts the engine.
pub(crate) fn start(starting: &mut Starting) -> Result<Endpoint> {
    let bridge = Bridge::of(starting.kind()).context("this kind has no bridge")?;
    make_folders(starting)?;
    certificates::write(starting, bridge)?;
    settings::write(starting, bridge)?;
    cgroups::create(starting.kind())?;
    bridge.up()?;
    ports::require_free(bridge)?;
    let mut command = node(starting, bridge)?;
    starting.spawn("node", &mut command)?;
    starting.wait_for_file("run/started")?;
    let pause = image::of_program(&build::pause()?, "pause")?;
    starting.wait_until(|| image::push(&registry(), "pause", "1", &pause))?;
    let dir = starting.kind().dir();
    starting.wait_until(|| kubectl::ready(&dir))?;
    starting.wait_for_answer(ports::api(), None)
}

/// Returns shell code for `eval` that selects the engine.
pub(crate) fn selecting() -> String {
    format!(
        "export KUBECONFIG={}\n# push to {}/NAME, which is {}/NAME in pods",
        kubeconfig().display(),
        registry(),
        pod_registry()
    )
}

fn make_folders(starting: &Starting) -> Result<()> {
    for (name, mode) in FOLDERS {
        let dir = starting.path(name);
        let made = DirBuilder::new().mode(mode).create(&dir);
        made.with_context(|| format!("can't create `{}`", dir.display()))?;
    }
    let kube = build::kube()?;
    for part in PARTS {
        let link = starting.path("bin").join(part);
        symlink(&kube, &link).with_context(|| format!("can't create `{}`", link.display()))?;
    }
    Ok(())
}

/// Returns the command of the first process. Its environment has no variables of the user: a proxy for HTTP would
/// come between the API server and the kubelet, and etcd takes options from variables.
fn node(starting: &Starting, bridge: Bridge) -> Result<Command> {
    let script = starting.write("node.sh", NODE)?;
    let mut path = vec![starting.path("bin")];
    let host = std::env::var_os("PATH").context("PATH is not set")?;
    path.extend(std::env::split_paths(&host));
    let path = std::env::join_paths(path).context("a folder on PATH holds a colon")?;
    let mut command = detached(Path::new("unshare"));
    // What the machine unmounts must not stay mounted here.
    command.args(["--mount", "--propagation", "slave"]);
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc", "bash"]);
    command.arg(script).env_clear().env("PATH", path);
    let dir = starting.kind().dir();
    command.env("DIR", &dir);
    command.env("GATEWAY", bridge.gateway());
    command.env("REGISTRY", registry());
    command.env("REGISTRY_PORT", ports::REGISTRY.to_string());
    command.env("API_PORT", ports::API.to_string());
    command.env("SERVICES", SERVICES);
    let controllers: Vec<&str> = CONTROLLERS.lines().collect();
    command.env("CONTROLLERS", controllers.join(","));
    kubectl::select(&mut command, &dir);
    Ok(command)
}

/// Writes a file that only root reads.
fn write_secret(path: &Path, text: &str) -> Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("can't write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_sockets_fit_into_an_address() {
        for socket in ["containerd.sock", "run/etcd.sock", "run/peer.sock"] {
            let path = Kind::Kubernetes.dir().join(socket);
            assert!(path.as_os_str().len() <= 107, "{}", path.display());
        }
    }

    #[test]
    fn folder_is_not_one_that_the_namespace_covers() {
        let dir = Kind::Kubernetes.dir();
        for covered in ["/run", "/var/run", "/var/lib", "/var/log", "/proc"] {
            assert!(!dir.starts_with(covered), "{}", dir.display());
        }
    }

    #[test]
    fn controllers_are_one_to_a_line() {
        for controller in CONTROLLERS.lines() {
            assert!(controller.ends_with("-controller"), "{controller:?}");
        }
    }

    #[test]
    fn secret_is_readable_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.key");
        write_secret(&path, "text").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(write_secret(&path, "other").is_err());
    }
}
