//! The end of the engine's processes.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{kind::Kind, network::Bridge, process, state::Record};

/// The path at which the engine's folder of the kubelet is mounted in its mount namespace only.
const MOUNTED: &str = "/var/lib/kubelet";

/// The time that the kernel has to remove the interfaces of pods.
const GOING: Duration = Duration::from_secs(5);

/// Kills all processes of an engine, and waits until the interfaces of its pods are gone.
///
/// The kernel kills a PID namespace with its first process, and lets that process end last. The folder in the
/// variables of a process means nothing here: `KUBECONFIG` is in it, and other engines inherit that.
pub(crate) fn stop(record: &Record, dir: &Path) -> Result<()> {
    for outer in &record.processes {
        // The one that made the namespaces blocks SIGTERM, and ends after its child.
        for first in outer.children() {
            first.kill()?;
        }
        outer.kill()?;
    }
    // If the outer one was killed alone, or before it was recorded, the others are found by their mounts.
    for stray in process::matching(|pid| is_inside(pid, dir)) {
        stray.kill()?;
    }
    let bridge = Bridge::of(Kind::Kubernetes).context("this kind has no bridge")?;
    let ports = Path::new("/sys/class/net").join(bridge.name).join("brif");
    let until = Instant::now() + GOING;
    while has_entries(&ports) && Instant::now() < until {
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Returns whether a process lives in the mount namespace of the engine with this folder.
fn is_inside(pid: i32, dir: &Path) -> bool {
    let table = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
    mounts_kubelet(&table, dir)
}

/// Returns whether a table of mounts has that of the engine. It names the source from the root of its file system,
/// so only the end of the path is known.
fn mounts_kubelet(table: &str, dir: &Path) -> bool {
    let source = dir.join("kubelet");
    let last: Vec<_> = source.iter().rev().take(3).collect();
    table.lines().any(|line| {
        let mut fields = line.split(' ').skip(3);
        let (Some(root), Some(point)) = (fields.next(), fields.next()) else {
            return false;
        };
        point == MOUNTED
            && Path::new(root)
                .iter()
                .rev()
                .take(3)
                .eq(last.iter().copied())
    })
}

fn has_entries(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_of_the_engine_is_known_by_its_mount() {
        let dir = Path::new("/var/tmp/s2i-engines/kubernetes");
        let line = |root: &str, point: &str| format!("9 8 254:0 {root} {point} rw - ext4 a rw\n");
        let ours = "/var/tmp/s2i-engines/kubernetes/kubelet";
        assert!(mounts_kubelet(&line(ours, MOUNTED), dir));
        let on_other_device = "/tmp/s2i-engines/kubernetes/kubelet";
        assert!(mounts_kubelet(&line(on_other_device, MOUNTED), dir));
        assert!(!mounts_kubelet(&line(ours, "/mnt"), dir));
        assert!(!mounts_kubelet(
            &line("/other/kubernetes/kubelet", MOUNTED),
            dir
        ));
        assert!(!mounts_kubelet(&line("/", MOUNTED), dir));
        assert!(!mounts_kubelet("", dir));
    }
}
