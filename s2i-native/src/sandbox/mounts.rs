//! The mounts of a container, and making its root the root.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, StatxFlags, open, statx},
    io::Errno,
    mount::{MountFlags, UnmountFlags, mount_move, mount_remount, unmount},
    process::{chdir, chroot, fchdir, getcwd, pivot_root},
};
use s2i_build::{container_options::HOST_GATEWAY, request::HostName};
use s2i_core::wire::{Failure, OrFailure as _};

use super::{
    dev,
    init_layer::{MountPoint, NodeKind},
    overlay::ScratchDir,
    rootfs::{DATA_ONLY, RootFs},
    spec::{Network, Sandbox},
};
use crate::files::host_text;

/// Paths that reveal too much of the machine. A kernel may lack some.
const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// Paths through which the machine could be changed.
const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

const RESOLV_CONF: &str = "/etc/resolv.conf";
const HOSTS: &str = "/etc/hosts";
const HOSTNAME: &str = "/etc/hostname";

/// Mounts the container's root and everything in it, and makes it the root of this process. Only open files of the host
/// can be reached then.
pub(super) fn make_root(sandbox: &Sandbox) -> Result<(), Failure> {
    let scratch = ScratchDir::make(&sandbox.work)?;
    scratch.mount(sandbox, &mount_points(sandbox)?)?;
    let root = RootFs::open(&scratch.root).or_failure("can't open the new root")?;
    generate(&root, sandbox, &scratch.files)?;
    mount_proc(&root)?;
    mount_sys(&root, sandbox)?;
    dev::mount(&root)?;
    for path in READ_ONLY {
        root.protect(Path::new(path))?;
    }
    for path in MASKED {
        mask(&root, path)?;
    }
    for (number, overlay) in sandbox.overlays.iter().enumerate() {
        scratch.mount_over(sandbox, number, overlay, &root)?;
    }
    for path in &sandbox.tmpfs {
        let at = path.to_str().unwrap_or_default();
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        root.mount("tmpfs", at, flags, "mode=1777")?;
    }
    for bind in &sandbox.binds {
        let mut flags = MountFlags::NOSUID | MountFlags::NODEV;
        flags.set(MountFlags::RDONLY, bind.read_only);
        let made = root.make_mount_point(&bind.to, kind_of(&bind.from)?);
        made.or_failure(format_args!(
            "can't mount `{}` at `{}`",
            bind.from.display(),
            bind.to.display()
        ))?;
        root.bind(&bind.from, &bind.to, flags)?;
    }
    drop(root);
    enter(&scratch.root).or_failure("can't make the container's root the root")
}

/// Returns all mount points of the container.
fn mount_points(sandbox: &Sandbox) -> Result<Vec<MountPoint>, Failure> {
    let overlays = sandbox.overlays.iter().map(|overlay| &*overlay.at);
    let dirs = ["/dev", "/proc", "/sys"].map(Path::new).into_iter();
    let dirs = dirs
        .chain(overlays)
        .chain(sandbox.tmpfs.iter().map(|path| &**path));
    let files = [RESOLV_CONF, HOSTS, HOSTNAME].map(Path::new).into_iter();
    let mut points: Vec<_> = dirs
        .map(|path| MountPoint::new(path, NodeKind::Dir))
        .chain(files.map(|path| MountPoint::new(path, NodeKind::File)))
        .collect();
    for bind in &sandbox.binds {
        points.push(MountPoint::new(&bind.to, kind_of(&bind.from)?));
    }
    Ok(points)
}

/// Returns the kind of mount point that a file or directory of the host needs.
fn kind_of(from: &Path) -> Result<NodeKind, Failure> {
    let metadata = fs::metadata(from);
    let metadata = metadata.or_failure(format_args!("can't mount `{}`", from.display()))?;
    Ok(if metadata.is_dir() {
        NodeKind::Dir
    } else {
        NodeKind::File
    })
}

/// Makes and mounts the files with the names of the container and of hosts.
fn generate(root: &RootFs, sandbox: &Sandbox, dir: &Path) -> Result<(), Failure> {
    let name = &sandbox.hostname;
    let (servers, hosts) = match sandbox.network {
        Network::Host => {
            let read = |path| host_text(path).unwrap_or_default();
            (read(RESOLV_CONF), read(HOSTS))
        }
        Network::None => (String::new(), String::new()),
    };
    let files = [
        (RESOLV_CONF, servers),
        (HOSTS, with_names(&hosts, &sandbox.hosts, name)),
        (HOSTNAME, format!("{name}\n")),
    ];
    for (path, content) in files {
        let file = Path::new(path).file_name().expect("it is a path of a file");
        let file = dir.join(file);
        fs::write(&file, content).or_failure(format_args!("can't make `{path}`"))?;
        root.bind(&file, Path::new(path), DATA_ONLY | MountFlags::RDONLY)?;
    }
    Ok(())
}

/// Adds the usual names to a table of hosts.
fn with_names(hosts: &str, more: &[HostName], own: &str) -> String {
    let knows = |name: &str| {
        let entries = hosts.lines().filter_map(|line| line.split('#').next());
        let mut names = entries.flat_map(|line| line.split_whitespace().skip(1));
        names.any(|known| known == name)
    };
    let line = |HostName { name, address }: &HostName| match address.as_str() {
        // Containers have the network of the host.
        HOST_GATEWAY => format!("127.0.0.1\t{name}"),
        address => format!("{address}\t{name}"),
    };
    // The first entry of a name counts.
    let mut lines: Vec<_> = more.iter().map(line).collect();
    lines.extend(hosts.lines().map(str::to_owned));
    if !knows("localhost") {
        lines.push("127.0.0.1\tlocalhost".into());
        lines.push("::1\tlocalhost ip6-localhost ip6-loopback".into());
    }
    if !knows(own) {
        lines.push(format!("127.0.0.1\t{own}"));
    }
    lines.join("\n") + "\n"
}

fn mount_proc(root: &RootFs) -> Result<(), Failure> {
    match root.try_mount("proc", "/proc", DATA_ONLY, "") {
        // The kernel refuses a new instance that would show more than the existing ones.
        Err(err) if err.kind() == io::ErrorKind::PermissionDenied => Err(Failure::os(format!(
            "can't mount a new `/proc`, most likely because this is a container that hides parts of its own: {err}"
        ))),
        mounted => mounted.or_failure("can't mount proc at `/proc`"),
    }
}

fn mount_sys(root: &RootFs, sandbox: &Sandbox) -> Result<(), Failure> {
    let flags = DATA_ONLY | MountFlags::RDONLY;
    match root.try_mount("sysfs", "/sys", flags, "") {
        Ok(()) => {}
        // It shows the network too, which in a user namespace is not ours when it is the host's.
        Err(err) if err.kind() == io::ErrorKind::PermissionDenied => {
            root.bind(Path::new("/sys"), Path::new("/sys"), flags)?;
            // The new one would not show the host's cgroups either.
            cover(root, "/sys/fs/cgroup")?;
        }
        Err(err) => return Err(err).or_failure("can't mount sysfs at `/sys`"),
    }
    if !sandbox.limits.is_empty() {
        // So that programs see their limits. Those that can't have them all the same.
        let _ = root.try_mount("cgroup2", "/sys/fs/cgroup", flags, "");
    }
    Ok(())
}

fn mask(root: &RootFs, path: &str) -> Result<(), Failure> {
    let found = root.find(Path::new(path)).map(File::from);
    let metadata = match found.and_then(|found| found.metadata()) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata.or_failure(format_args!("can't hide `{path}`"))?,
    };
    if metadata.is_dir() {
        return cover(root, path);
    }
    root.bind(Path::new("/dev/null"), Path::new(path), MountFlags::RDONLY)
}

/// Puts an empty directory over one.
fn cover(root: &RootFs, path: &str) -> Result<(), Failure> {
    match root.try_mount("tmpfs", path, DATA_ONLY | MountFlags::RDONLY, "mode=755") {
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
        covered => covered.or_failure(format_args!("can't hide `{path}`")),
    }
}

/// Leaves the host's root for good.
fn enter(path: &Path) -> io::Result<()> {
    std::env::set_current_dir(path)?;
    match pivot_root(".", ".") {
        // The old root lies on the new one now.
        Ok(()) => unmount(".", UnmountFlags::DETACH)?,
        // Refused inside of Docker, and where the root is the boot loader's.
        Err(Errno::PERM | Errno::INVAL) => {
            mount_move(".", "/")?;
            chroot(".")?;
        }
        Err(err) => return Err(err.into()),
    }
    std::env::set_current_dir("/")
}

/// Returns whether this process's root is that of the mount namespace. If s2i itself runs in a `chroot`, it is not, and
/// a process that may call `chroot` gets out of it; so does this function, to find out.
pub(super) fn is_top() -> io::Result<bool> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = open("/", flags, Mode::empty())?;
    // Any other directory. Outside of its root, a process can go up without limit.
    match chroot("/proc") {
        // Then no process of the container may, either.
        Err(Errno::PERM) => return Ok(true),
        changed => changed?,
    }
    fchdir(&root)?;
    let itself = here()?;
    let mut above = itself;
    loop {
        chdir("..")?;
        let higher = here()?;
        if higher == above {
            break;
        }
        above = higher;
    }
    fchdir(&root)?;
    chroot(".")?;
    Ok(above == itself)
}

/// Returns the ids of the mount and the inode of the current directory.
fn here() -> io::Result<(u64, u64)> {
    let fields = StatxFlags::MNT_ID | StatxFlags::INO;
    let stat = statx(CWD, ".", AtFlags::empty(), fields)?;
    Ok((stat.stx_mnt_id, stat.stx_ino))
}

/// Makes the current root read-only, except for other mounts in it.
pub(super) fn make_read_only() -> io::Result<()> {
    let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NODEV;
    Ok(mount_remount("/", flags, "")?)
}

/// Returns whether the working directory lies in the root of this process.
pub(super) fn is_inside() -> bool {
    // For one that does not, the kernel gives no absolute path.
    let cwd = getcwd(Vec::new()).map(std::ffi::CString::into_bytes);
    cwd.is_ok_and(|cwd| cwd.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_localhost_and_the_own_name() {
        let own = with_names("", &[], "box");
        assert!(own.starts_with("127.0.0.1\tlocalhost\n") && own.ends_with("\tbox\n"));
        let known = "127.0.0.1 localhost # box\n10.0.0.1 other";
        assert_eq!(
            with_names(known, &[], "box"),
            format!("{known}\n127.0.0.1\tbox\n")
        );
        let known = "127.0.0.1 localhost box\n";
        assert_eq!(with_names(known, &[], "box"), known);
        let more = ["db:10.0.0.7", "me:host-gateway"].map(|text| text.parse().unwrap());
        let hosts = with_names(known, &more, "box");
        assert_eq!(hosts, format!("10.0.0.7\tdb\n127.0.0.1\tme\n{known}"));
    }
}
