//! The removal of an engine: its containers, processes, mounts, control groups, bridge, user and folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use rustix::mount::{UnmountFlags, unmount};

use crate::{
    api, cgroups, cni,
    kind::Kind,
    kubernetes,
    network::Bridge,
    podman_user,
    process::{self, Process},
    state::Record,
};

/// The time that a daemon has to end by itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// Removes everything that an engine left, in whatever state it is. The folder with the record is removed last,
/// so that another attempt finds the rest.
pub(crate) fn all(kind: Kind) -> Result<()> {
    let dir = kind.dir();
    let record = Record::load(kind).unwrap_or_default();
    remove_containers(kind, &record);
    if kind == Kind::Kubernetes {
        kubernetes::stop(&record, &dir)?;
    } else {
        end_processes(kind, &record)?;
    }
    unmount_below(&dir)?;
    remove_shim_sockets(&dir)?;
    cgroups::remove(kind)?;
    if let Some(bridge) = Bridge::of(kind) {
        cni::remove_chains(&record, bridge)?;
        bridge.down()?;
    }
    podman_user::remove_user(&record)?;
    match fs::remove_dir_all(&dir) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => {
            Err(err).with_context(|| format!("can't remove `{}`", dir.display()))
        }
        _ => Ok(()),
    }
}

/// Ends the daemons of an engine, and then the processes that they left.
fn end_processes(kind: Kind, record: &Record) -> Result<()> {
    for process in record.processes.iter().rev() {
        process.end(PATIENCE)?;
    }
    let strays = process::strays(&kind.dir(), &format!("{}/", kind.cgroup()));
    strays.iter().try_for_each(Process::kill)
}

/// Removes containers through the engine's API. If this fails, their processes and mounts are found without it.
fn remove_containers(kind: Kind, record: &Record) {
    let Some(endpoint) = &record.endpoint else {
        return;
    };
    if !record.processes.iter().all(Process::is_alive) {
        return;
    }
    // These have no API of Docker.
    if matches!(kind, Kind::Registry | Kind::Kubernetes) {
        return;
    }
    if let Err(err) = api::remove_containers(&endpoint.url) {
        eprintln!("{kind} does not remove its containers: {err:#}");
    }
}

/// Removes the sockets of killed shims, which lie in a folder of the host. Their addresses are in containerd's
/// folder.
fn remove_shim_sockets(dir: &Path) -> Result<()> {
    let tasks = dir.join("containerd-run/io.containerd.runtime.v2.task/moby");
    for task in fs::read_dir(tasks).into_iter().flatten().flatten() {
        let Ok(address) = fs::read_to_string(task.path().join("address")) else {
            continue;
        };
        let socket = Path::new(address.trim().trim_start_matches("unix://"));
        if socket.starts_with("/run/containerd/s") && socket.exists() {
            fs::remove_file(socket)
                .with_context(|| format!("can't remove `{}`", socket.display()))?;
        }
    }
    Ok(())
}

/// Unmounts the deepest mounts first. A mount in use is detached and disappears with its last user.
fn unmount_below(dir: &Path) -> Result<()> {
    let table = fs::read_to_string("/proc/self/mountinfo").context("can't read the mounts")?;
    for point in mounts_below(&table, dir) {
        unmount(&point, UnmountFlags::DETACH)
            .with_context(|| format!("can't unmount `{}`", point.display()))?;
    }
    Ok(())
}

fn mounts_below(table: &str, dir: &Path) -> Vec<PathBuf> {
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    let points = points.map(PathBuf::from);
    let mut points: Vec<_> = points.filter(|point| point.starts_with(dir)).collect();
    points.reverse();
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_below_a_folder_come_deepest_first() {
        let table = "1 0 8:1 / / rw - ext4 a rw\n2 1 8:1 /x /v/e/docker rw - ext4 a rw\n\
                     3 2 0:4 / /v/e/docker/ns rw - nsfs n rw\n4 1 8:1 / /v/e/docker-latest rw - ext4 a rw\n";
        let expected = [
            PathBuf::from("/v/e/docker/ns"),
            PathBuf::from("/v/e/docker"),
        ];
        assert_eq!(mounts_below(table, Path::new("/v/e/docker")), expected);
    }
}
