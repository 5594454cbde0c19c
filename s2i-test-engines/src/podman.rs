//! Podman as root, running as a service with Docker's API.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{cni, network::Bridge, process::detached, registry, state::Endpoint, wait::Starting};

/// The folders of the host that Podman and its helpers write to, regardless of their configuration.
const SHARED: [&str; 4] = [
    "/run/netns",
    "/run/runc",
    "/var/lib/cni",
    "/var/lib/containers",
];

/// Mounts folders of the engine over those in [`SHARED`], for this process and its children only; the mounts end
/// with them. Arguments: pairs of folders, `--`, a program.
const IN_PRIVATE: &str = r#"
while [ "$1" != -- ]; do
    mkdir -p "$1" "$2" && mount --bind "$1" "$2" || exit 1
    shift 2
done
shift
exec "$@"
"#;

/// Starts the engine.
pub(crate) fn start(starting: &mut Starting) -> Result<Endpoint> {
    starting.record.chains_before = Some(cni::chains()?);
    starting.save()?;
    let bridge = Bridge::of(starting.kind()).context("this kind has no bridge")?;
    bridge.up()?;
    fs::create_dir(starting.path("networks")).context("can't create the folder of networks")?;
    let network = cni::network(bridge, &starting.text("addresses"));
    starting.write("networks/podman.conflist", &network)?;
    let folders = Folders {
        graph: "data",
        run: "run",
        network: "networks",
    };
    let environment = settings(starting, &folders)?;
    let url = format!("unix://{}", starting.text("podman.sock"));
    // A service can raise the limits of its containers only up to its own limits.
    let mut command = detached(Path::new("prlimit"));
    command.args(["--nofile=4096:4096", "--nproc=4096:4096"]);
    command.args(["unshare", "--mount", "--propagation", "private"]);
    command.args(["sh", "-c", IN_PRIVATE, "sh"]);
    for folder in SHARED {
        let name = folder.trim_start_matches('/').replace('/', "-");
        command.arg(starting.path("private").join(name)).arg(folder);
    }
    command.args(["--", "podman", "system", "service", "--time=0", &url]);
    command.envs(environment).env_remove("NOTIFY_SOCKET");
    starting.spawn("podman", &mut command)?;
    starting.wait_for_answer(url, None)
}

/// The locations of an engine's data, below its folder.
pub(crate) struct Folders {
    pub(crate) graph: &'static str,
    pub(crate) run: &'static str,
    pub(crate) network: &'static str,
}

/// Writes the configuration files, and returns the variables that select them.
pub(crate) fn settings(
    starting: &Starting,
    folders: &Folders,
) -> Result<[(&'static str, PathBuf); 3]> {
    let containers = format!(
        "[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\ntmp_dir = \"{tmp}/libpod\"\n\n\
         [network]\nnetwork_backend = \"cni\"\nnetwork_config_dir = {network:?}\n",
        tmp = starting.text(folders.run),
        network = starting.text(folders.network),
    );
    let storage = format!(
        "[storage]\ndriver = \"overlay\"\ngraphroot = {graph:?}\nrootless_storage_path = {graph:?}\nrunroot = {run:?}\n",
        graph = starting.text(folders.graph),
        run = starting.text(folders.run),
    );
    let registries = format!(
        "[[registry]]\nlocation = {:?}\ninsecure = true\n",
        registry::ADDRESS
    );
    let containers = starting.write("containers.conf", &containers)?;
    let storage = starting.write("storage.conf", &storage)?;
    let registries = starting.write("registries.conf", &registries)?;
    Ok([
        ("CONTAINERS_CONF", containers),
        ("CONTAINERS_STORAGE_CONF", storage),
        ("CONTAINERS_REGISTRIES_CONF", registries),
    ])
}
