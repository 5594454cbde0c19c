//! Podman as an ordinary user, who is created if missing.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
};

use anyhow::{Context, Result};

use crate::{
    podman::{self, Folders},
    process::detached,
    state::{Endpoint, Record},
    user::{self, User},
    wait::Starting,
};

const USER: &str = "s2i-podman";
const HOME: &str = "home";
const RUN: &str = "run";

/// Starts the engine.
pub(crate) fn start(starting: &mut Starting) -> Result<Endpoint> {
    if user::find(USER)?.is_none() {
        starting.record.created_user = Some(USER.to_owned());
        starting.save()?;
    }
    let user = user::make(USER, &starting.path(HOME))?;
    for (name, mode) in [(HOME, 0o755), (RUN, 0o700), ("run/podman", 0o700)] {
        make_folder(&starting.path(name), mode, &user)?;
    }
    let folders = Folders {
        graph: "home/data",
        run: "run/containers",
        network: "home/networks",
    };
    let environment = podman::settings(starting, &folders)?;
    // Podman's own systemd unit has its socket at the same place below `XDG_RUNTIME_DIR`.
    let url = format!("unix://{}", starting.text("run/podman/podman.sock"));
    let uid = format!("--reuid={}", user.uid);
    let gid = format!("--regid={}", user.gid);
    let mut command = detached(Path::new("prlimit"));
    command.args(["--nofile=1024:1024", "--nproc=1024:1024"]);
    command.args(["setpriv", &uid, &gid, "--init-groups"]);
    command.args(["podman", "system", "service", "--time=0", &url]);
    command.env_clear().envs(environment);
    command.env("PATH", std::env::var_os("PATH").context("PATH is not set")?);
    command
        .env("HOME", starting.path(HOME))
        .env("XDG_RUNTIME_DIR", starting.path(RUN))
        .env("USER", USER);
    starting.spawn("podman", &mut command)?;
    starting.wait_for_answer(url, Some(USER.to_owned()))
}

/// Removes the user if it was created for this engine.
pub(crate) fn remove_user(record: &Record) -> Result<()> {
    match &record.created_user {
        Some(name) => user::remove(name),
        None => Ok(()),
    }
}

fn make_folder(path: &Path, mode: u32, user: &User) -> Result<()> {
    let created = fs::create_dir(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .and_then(|()| chown(path, Some(user.uid), Some(user.gid)));
    created.with_context(|| format!("can't create `{}`", path.display()))
}
