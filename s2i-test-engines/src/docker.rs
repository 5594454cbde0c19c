//! Docker: a `containerd` and a `dockerd` of our own.
//!
//! The oldest supported Docker and the newest start in the same way; beside its socket, each listens on loopback with
//! TLS. The configuration in `/etc/docker` and of
//! the system's containerd is ignored: both daemons get empty configuration files.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{host, network::Bridge, process::detached, state::Endpoint, tls, wait::Starting};

const SOCKET: &str = "docker.sock";
const CONTAINERD_SOCKET: &str = "containerd.sock";

/// The programs of the engine.
pub(crate) struct Programs {
    pub(crate) dockerd: PathBuf,
    /// The `PATH` on which both daemons find `runc`, `docker-proxy` and the shim.
    pub(crate) path: OsString,
}

impl Programs {
    /// Returns the first `dockerd` on `PATH`.
    pub(crate) fn of_the_host() -> Result<Self> {
        let dockerd = host::find("dockerd").context("`dockerd` is gone")?;
        Ok(Self {
            dockerd,
            path: std::env::var_os("PATH").context("PATH is not set")?,
        })
    }
}

/// Starts the engine.
pub(crate) fn start(starting: &mut Starting, programs: &Programs) -> Result<Endpoint> {
    let bridge = Bridge::of(starting.kind()).context("this kind has no bridge")?;
    bridge.up()?;
    let containerd = starting.write("containerd.toml", &containerd_settings(starting))?;
    let mut command = detached(Path::new("containerd"));
    command.arg("--config").arg(containerd);
    command.env("PATH", &programs.path);
    starting.spawn("containerd", &mut command)?;
    starting.wait_for_file(CONTAINERD_SOCKET)?;

    let url = format!("unix://{}", starting.text(SOCKET));
    let mut command = dockerd(starting, programs, bridge, &url)?;
    tls::listen(starting, &mut command)?;
    starting.spawn("dockerd", &mut command)?;
    starting.wait_for_answer(url, None)
}

fn dockerd(starting: &Starting, programs: &Programs, bridge: Bridge, url: &str) -> Result<Command> {
    let mut command = detached(&programs.dockerd);
    let config = starting.write("daemon.json", "{}\n")?;
    command.arg("--config-file").arg(config);
    command
        .arg("--containerd")
        .arg(starting.path(CONTAINERD_SOCKET));
    command.arg("--data-root").arg(starting.path("data"));
    command.arg("--exec-root").arg(starting.path("exec"));
    command.arg("--pidfile").arg(starting.path("docker.pid"));
    command.args(["--host", url, "--bridge", bridge.name]);
    command.args(["--iptables=false", "--ip6tables=false"]);
    command.args(["--exec-opt", "native.cgroupdriver=cgroupfs"]);
    command.args(["--cgroup-parent", &starting.kind().cgroup()]);
    command
        .env("PATH", &programs.path)
        .env_remove("NOTIFY_SOCKET");
    Ok(command)
}

fn containerd_settings(starting: &Starting) -> String {
    format!(
        "version = 2\nroot = {:?}\nstate = {:?}\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\n[grpc]\naddress = {:?}\n",
        starting.text("containerd"),
        starting.text("containerd-run"),
        starting.text(CONTAINERD_SOCKET),
    )
}
