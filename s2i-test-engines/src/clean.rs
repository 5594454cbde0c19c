//! The removal of an engine: its containers, processes, mounts, control groups, bridge, user and folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use rustix::mount::{UnmountFlags, unmount};

use crate::{
    api, cni,
    kind::Kind,
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
    for process in record.processes.iter().rev() {
        process.end(PATIENCE)?;
    }
    for stray in process::strays(&dir, &format!("{}/", kind.cgroup())) {
        stray.kill()?;
    }
    unmount_below(&dir)?;
    remove_shim_sockets(&dir)?;
    remove_cgroups(kind)?;
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

/// Removes containers through the engine's API. If this fails, their processes and mounts are found without it.
fn remove_containers(kind: Kind, record: &Record) {
    let Some(endpoint) = &record.endpoint else {
        return;
    };
    if !record.processes.iter().all(Process::is_alive) {
        return;
    }
    if kind == Kind::Registry {
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

/// Removes the control groups in every hierarchy of version 1 and in that of version 2.
fn remove_cgroups(kind: Kind) -> Result<()> {
    let name = kind.cgroup();
    let name = name.trim_start_matches('/');
    for hierarchy in hierarchies() {
        let group = hierarchy.join(name);
        if group.is_dir() {
            remove_cgroup(&group, 50)
                .with_context(|| format!("can't remove the control group `{}`", group.display()))?;
        }
        // Podman has no option for this group, which other Podmans may use too. Then it stays.
        if kind == Kind::Podman {
            drop(remove_cgroup(&hierarchy.join("libpod_parent"), 1));
        }
    }
    Ok(())
}

fn hierarchies() -> Vec<PathBuf> {
    let root = PathBuf::from("/sys/fs/cgroup");
    let below = fs::read_dir(&root).into_iter().flatten().flatten();
    let below = below.map(|entry| entry.path());
    let dirs = below.filter(|path| path.is_dir());
    dirs.chain([root.clone()]).collect()
}

/// Removes a control group. It is busy for a moment after its last process, so there are several attempts, 0.1 s
/// apart.
fn remove_cgroup(group: &Path, attempts: u32) -> io::Result<()> {
    let children = fs::read_dir(group)?.flatten().map(|entry| entry.path());
    for child in children.filter(|path| path.is_dir()) {
        remove_cgroup(&child, attempts)?;
    }
    for _ in 1..attempts {
        match fs::remove_dir(group) {
            Err(err) if err.kind() == io::ErrorKind::ResourceBusy => {}
            removed => return removed,
        }
        thread::sleep(Duration::from_millis(100));
    }
    fs::remove_dir(group)
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
