//! The devices of a container.

use std::{io, path::Path};

use rustix::{
    fs::{Mode, OFlags, mkdirat, openat, symlinkat},
    mount::MountFlags,
};
use s2i_core::wire::{Failure, OrFailure as _};

use super::rootfs::{DATA_ONLY, RootFs};

/// Harmless devices. They are the host's own, mounted so that their modes can't be changed:
/// in a user namespace, none can be made.
const NODES: [&str; 6] = ["full", "null", "random", "tty", "urandom", "zero"];

const DIRS: [&str; 3] = ["mqueue", "pts", "shm"];

const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("ptmx", "pts/ptmx"),
    ("stderr", "/proc/self/fd/2"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
];

/// Mounts `/dev` and what is below it.
pub(super) fn mount(root: &RootFs) -> Result<(), Failure> {
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    root.mount("tmpfs", "/dev", flags, "mode=755,size=65536k")?;
    fill(root).or_failure("can't fill `/dev`")?;
    for node in NODES {
        let path = format!("/dev/{node}");
        if Path::new(&path).exists() {
            root.bind(path.as_ref(), path.as_ref(), MountFlags::RDONLY)?;
        }
    }
    mount_pts(root)?;
    root.mount("tmpfs", "/dev/shm", DATA_ONLY, "mode=1777,size=65536k")?;
    // Few programs need it, and some kernels lack it.
    let _ = root.try_mount("mqueue", "/dev/mqueue", DATA_ONLY, "");
    Ok(())
}

fn fill(root: &RootFs) -> io::Result<()> {
    let dev = root.find_dir(Path::new("/dev"))?;
    for node in NODES {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        drop(openat(&dev, node, flags, Mode::from_raw_mode(0o644))?);
    }
    for dir in DIRS {
        mkdirat(&dev, dir, Mode::from_raw_mode(0o755))?;
    }
    for (link, target) in LINKS {
        symlinkat(target, &dev, link)?;
    }
    Ok(())
}

fn mount_pts(root: &RootFs) -> Result<(), Failure> {
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    let options = "newinstance,ptmxmode=0666,mode=0620";
    // The group `tty` everywhere, but not in a user namespace that has no such number.
    let of_group = format!("{options},gid=5");
    match root.try_mount("devpts", "/dev/pts", flags, &of_group) {
        Err(err) if err.kind() == io::ErrorKind::InvalidInput => {
            root.mount("devpts", "/dev/pts", flags, options)
        }
        mounted => mounted.or_failure("can't mount devpts at `/dev/pts`"),
    }
}
