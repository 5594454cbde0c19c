//! The new root while it is being made: everything in it is found without leaving it.
//!
//! An image may have links where something is to be mounted. Every path is therefore opened with the new
//! root as its root, and what is mounted is mounted on what was opened.

use std::{
    fs::File,
    io,
    os::fd::{AsRawFd as _, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags, ResolveFlags, openat2},
    io::Errno,
    mount::{MountFlags, mount, mount_bind_recursive, mount_remount},
};

use super::{
    fault::{Fault, OrFault as _},
    mountinfo,
};

/// What no mount of a container may do: run programs with other rights, have devices, have programs.
pub(super) const NONE: MountFlags = MountFlags::NOSUID
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC);

/// The new root.
pub(super) struct Root {
    dir: OwnedFd,
}

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let dir = File::open(path)?.into();
        Ok(Self { dir })
    }

    /// Finds what is at an absolute path; a link at its end is not followed.
    pub(super) fn find(&self, path: &Path) -> io::Result<OwnedFd> {
        self.find_as(path, OFlags::NOFOLLOW)
    }

    /// Finds a directory.
    pub(super) fn find_dir(&self, path: &Path) -> io::Result<OwnedFd> {
        self.find_as(path, OFlags::DIRECTORY)
    }

    fn find_as(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::PATH | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        loop {
            match openat2(&self.dir, path, flags, Mode::empty(), resolve) {
                // Something was renamed somewhere meanwhile, and the kernel can't tell whether it matters.
                Err(Errno::AGAIN) => {}
                found => return Ok(found?),
            }
        }
    }

    /// The path without links, in the new root, of something in it.
    pub(super) fn real_path(&self, found: &OwnedFd) -> io::Result<PathBuf> {
        let (root, path) = (through_proc(&self.dir), through_proc(found));
        let (root, path) = (root.read_link()?, path.read_link()?);
        let within = path.strip_prefix(root).map_err(io::Error::other)?;
        Ok(Path::new("/").join(within))
    }

    /// Mounts a file system.
    pub(super) fn mount(
        &self,
        kind: &str,
        at: &str,
        flags: MountFlags,
        options: &str,
    ) -> Result<(), Fault> {
        self.try_mount(kind, at, flags, options)
            .or_fault(|| format!("can't mount {kind} at `{at}`"))
    }

    /// The same, for one of which the failure can be helped.
    pub(super) fn try_mount(
        &self,
        kind: &str,
        at: &str,
        flags: MountFlags,
        options: &str,
    ) -> io::Result<()> {
        let point = self.find(Path::new(at))?;
        let options = std::ffi::CString::new(options)?;
        Ok(mount(
            kind,
            through_proc(&point),
            kind,
            flags,
            options.as_c_str(),
        )?)
    }

    /// Mounts something of the host, with everything that is mounted below it, and restricts all of it further.
    pub(super) fn bind(&self, from: &Path, at: &Path, flags: MountFlags) -> Result<(), Fault> {
        let bind = || -> io::Result<()> {
            mount_bind_recursive(from, through_proc(&self.find(at)?))?;
            self.restrict(at, flags)
        };
        bind().or_fault(|| format!("can't mount `{}` at `{}`", from.display(), at.display()))
    }

    /// Makes what is at a path unchangeable, if something is there.
    pub(super) fn freeze(&self, at: &Path) -> Result<(), Fault> {
        let freeze = || -> io::Result<()> {
            let itself = self.find(at)?;
            mount_bind_recursive(through_proc(&itself), through_proc(&itself))?;
            self.restrict(at, NONE | MountFlags::RDONLY)
        };
        match freeze() {
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
            frozen => frozen.or_fault(|| format!("can't protect `{}`", at.display())),
        }
    }

    /// Adds restrictions to a mount and to all below it. Those that they have stay: inside a user namespace they
    /// have to.
    ///
    /// One call for all of them (`mount_setattr`) would need Linux 5.12 and code that is not safe. Nothing else
    /// mounts or unmounts anything in this namespace meanwhile.
    fn restrict(&self, at: &Path, flags: MountFlags) -> io::Result<()> {
        let top = mountinfo::id_of(&self.find(at)?)?;
        let root = through_proc(&self.dir).read_link()?;
        for mount in mountinfo::tree(top)? {
            let at = mount.point.strip_prefix(&root).map_err(io::Error::other)?;
            let mounted = match self.find(at) {
                // What this process can't get to, the container can't either, which has fewer rights.
                Err(err) if mount.id != top && is_out_of_reach(&err) => continue,
                mounted => mounted?,
            };
            // Something else is mounted on top of what is hidden.
            if mountinfo::id_of(&mounted)? == mount.id {
                let flags = MountFlags::BIND | flags | mount.flags;
                mount_remount(through_proc(&mounted), flags, "")?;
            }
        }
        Ok(())
    }
}

fn is_out_of_reach(err: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    matches!(err.kind(), NotADirectory | NotFound | PermissionDenied)
}

/// A path to something that is open, and has to stay so, for calls that take nothing but paths.
fn through_proc(found: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", found.as_raw_fd()))
}
