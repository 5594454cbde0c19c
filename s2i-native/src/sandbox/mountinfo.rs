//! The mounts that this process sees, as the kernel lists them.
//!
//! Everything here comes from `/proc`, so that no file system is asked anything: one that lives in a process
//! (FUSE) might never answer.

use std::{
    collections::BTreeSet,
    io,
    os::fd::{AsRawFd as _, OwnedFd},
    path::PathBuf,
    str,
};

use rustix::mount::MountFlags;

use s2i_core::mounts::unescape;

use crate::files::{host_bytes, host_text};

/// A mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) id: u64,
    /// The mount that it is mounted on.
    parent: u64,
    pub(super) point: PathBuf,
    /// Its restrictions.
    pub(super) flags: MountFlags,
}

/// The restrictions that a mount can have, by the names that the kernel gives them.
const RESTRICTIONS: [(&str, MountFlags); 5] = [
    ("ro", MountFlags::RDONLY),
    ("nosuid", MountFlags::NOSUID),
    ("nodev", MountFlags::NODEV),
    ("noexec", MountFlags::NOEXEC),
    ("nosymfollow", MountFlags::NOSYMFOLLOW),
];

/// Returns a mount and all that are mounted below it.
pub(super) fn tree(top: u64) -> io::Result<Vec<Mount>> {
    Ok(tree_in(&host_bytes("/proc/self/mountinfo")?, top))
}

fn tree_in(table: &[u8], top: u64) -> Vec<Mount> {
    let lines = table.split(|byte| *byte == b'\n');
    let mut mounts: Vec<_> = lines.filter_map(Mount::parse).collect();
    let mut tree = BTreeSet::from([top]);
    loop {
        let below = mounts.iter().filter(|mount| tree.contains(&mount.parent));
        let below: Vec<_> = below.map(|mount| mount.id).collect();
        let known = tree.len();
        tree.extend(below);
        if tree.len() == known {
            break;
        }
    }
    mounts.retain(|mount| tree.contains(&mount.id));
    mounts
}

impl Mount {
    /// Reads `36 35 98:0 /root /point rw,nosuid …`.
    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ');
        let mut number = || str::from_utf8(fields.next()?).ok()?.parse().ok();
        let (id, parent) = (number()?, number()?);
        let (point, options) = (fields.nth(2)?, fields.next()?);
        let options = options.split(|byte| *byte == b',');
        let has = |name: &str| options.clone().any(|option| option == name.as_bytes());
        let flags = RESTRICTIONS.iter().filter(|(name, _)| has(name));
        Some(Self {
            id,
            parent,
            point: unescape(point).into(),
            flags: flags.fold(MountFlags::empty(), |flags, (_, flag)| flags | *flag),
        })
    }
}

/// Returns the number of the mount that something open is in.
pub(super) fn id_of(open: &OwnedFd) -> io::Result<u64> {
    let info = host_text(format!("/proc/self/fdinfo/{}", open.as_raw_fd()))?;
    let id = info.lines().find_map(|line| line.strip_prefix("mnt_id:"));
    let id = id.and_then(|id| id.trim().parse().ok());
    id.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_what_is_mounted_below_it_in_whatever_order() {
        let table = b"30 25 0:27 / /sys/a\\040b\\134/c ro,nosuid,relatime shared:9 - tmpfs t rw\n\
                     20 1 0:5 / / rw,noatime - ext4 /dev/vda rw\n\
                     25 24 0:7 / /sys/a\\040b\\134 rw,nodev,noexec - tmpfs t rw\n\
                     24 20 0:22 / /sys rw,nosuid,nodev,noexec - sysfs sysfs rw\n\
                     40 20 0:5 / /home rw - ext4 /dev/vdb ro\n";
        let mounts = tree_in(table, 24);
        let found: Vec<_> = mounts
            .iter()
            .map(|mount| (mount.id, mount.point.to_str().unwrap(), mount.flags))
            .collect();
        let (nosuid, nodev, noexec) = (MountFlags::NOSUID, MountFlags::NODEV, MountFlags::NOEXEC);
        assert_eq!(
            found,
            [
                (30, "/sys/a b\\/c", MountFlags::RDONLY | nosuid),
                (25, "/sys/a b\\", nodev | noexec),
                (24, "/sys", nosuid | nodev | noexec),
            ]
        );
    }
}
