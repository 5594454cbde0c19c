//! The control groups of engines, in every hierarchy of version 1 and in that of version 2.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::kind::Kind;

const ROOT: &str = "/sys/fs/cgroup";

/// The controllers that containers need, as version 2 enables them.
const CONTROLLERS: &str = "+cpu +cpuset +memory +pids";

/// The files of a group of version 1 whose processes can't run before both are set.
const CPUSET: [&str; 2] = ["cpuset.cpus", "cpuset.mems"];

/// Creates the control group of an engine, for engines that expect it to exist.
pub(crate) fn create(kind: Kind) -> Result<()> {
    let root = Path::new(ROOT);
    let name = name(kind);
    if root.join("cgroup.controllers").exists() {
        let file = root.join("cgroup.subtree_control");
        fs::write(&file, CONTROLLERS)
            .with_context(|| format!("can't enable controllers in `{}`", file.display()))?;
        return create_in(root, &name);
    }
    let mut below = hierarchies().into_iter().filter(|path| path != root);
    below.try_for_each(|hierarchy| create_in(&hierarchy, &name))
}

/// Creates a group with the processors and the memory of its parent, which groups of version 1 don't inherit.
fn create_in(hierarchy: &Path, name: &str) -> Result<()> {
    let group = hierarchy.join(name);
    let failed = || format!("can't create the control group `{}`", group.display());
    fs::create_dir_all(&group).with_context(failed)?;
    for file in CPUSET {
        // In version 2 this is empty, which stands for everything.
        if let Ok(parent) = fs::read_to_string(hierarchy.join(file))
            && !parent.trim().is_empty()
        {
            fs::write(group.join(file), parent).with_context(failed)?;
        }
    }
    Ok(())
}

/// Removes the control groups of an engine.
pub(crate) fn remove(kind: Kind) -> Result<()> {
    let name = name(kind);
    for hierarchy in hierarchies() {
        let group = hierarchy.join(&name);
        if group.is_dir() {
            remove_group(&group, 50)
                .with_context(|| format!("can't remove the control group `{}`", group.display()))?;
        }
        // Podman has no option for this group, which other Podmans may use too. Then it stays.
        if kind == Kind::Podman {
            drop(remove_group(&hierarchy.join("libpod_parent"), 1));
        }
    }
    Ok(())
}

/// Returns the name of an engine's group, relative to a hierarchy.
fn name(kind: Kind) -> String {
    kind.cgroup().trim_start_matches('/').to_owned()
}

fn hierarchies() -> Vec<PathBuf> {
    let root = PathBuf::from(ROOT);
    let below = fs::read_dir(&root).into_iter().flatten().flatten();
    let below = below.map(|entry| entry.path());
    let dirs = below.filter(|path| path.is_dir());
    dirs.chain([root.clone()]).collect()
}

/// Removes a control group. It is busy for a moment after its last process, so there are several attempts, 0.1 s
/// apart.
fn remove_group(group: &Path, attempts: u32) -> io::Result<()> {
    let children = fs::read_dir(group)?.flatten().map(|entry| entry.path());
    for child in children.filter(|path| path.is_dir()) {
        remove_group(&child, attempts)?;
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
    fn group_gets_the_processors_and_the_memory_of_its_parent() {
        let hierarchy = tempfile::tempdir().unwrap();
        fs::write(hierarchy.path().join("cpuset.cpus"), "0-3\n").unwrap();
        fs::write(hierarchy.path().join("cpuset.mems"), "\n").unwrap();
        create_in(hierarchy.path(), "a").unwrap();
        let group = hierarchy.path().join("a");
        assert_eq!(
            fs::read_to_string(group.join("cpuset.cpus")).unwrap(),
            "0-3\n"
        );
        assert!(!group.join("cpuset.mems").exists());
    }

    #[test]
    fn group_is_removed_with_those_below_it() {
        let dir = tempfile::tempdir().unwrap();
        let group = dir.path().join("a");
        fs::create_dir_all(group.join("b/c")).unwrap();
        remove_group(&group, 1).unwrap();
        assert!(!group.exists());
    }
}
