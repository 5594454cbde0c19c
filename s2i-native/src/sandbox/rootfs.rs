//! The root file system of a container while it is being made: all paths are resolved inside of it.
//!
//! An image may have links where something is to be mounted. Every path is therefore opened with the new
//! root as its root, and mounts go onto the opened file.

use std::{
    fs::File,
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags, ResolveFlags, mkdirat, openat},
    mount::{MountFlags, mount, mount_bind_recursive, mount_remount},
};
use s2i_core::wire::{Failure, OrFailure as _};

use super::{init_layer::NodeKind, mountinfo};
use crate::descriptor::{open_in, proc_path};

/// The flags of a mount without programs, devices or set-user-ID bits.
pub(super) const DATA_ONLY: MountFlags = MountFlags::NOSUID
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC);

/// The root file system.
pub(super) struct RootFs {
    dir: OwnedFd,
}

impl RootFs {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let dir = File::open(path)?.into();
        Ok(Self { dir })
    }

    /// Opens the file at an absolute path, without following a link at its end.
    pub(super) fn find(&self, path: &Path) -> io::Result<OwnedFd> {
        self.find_as(path, OFlags::NOFOLLOW)
    }

    /// Opens a directory.
    pub(super) fn find_dir(&self, path: &Path) -> io::Result<OwnedFd> {
        self.find_as(path, OFlags::DIRECTORY)
    }

    fn find_as(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        Ok(open_in(&self.dir, path, flags, ResolveFlags::IN_ROOT)?)
    }

    /// Creates a mount point of this kind and the directories above it, if they are missing. They are missing where
    /// another mount covers those of the image, which is a directory of the host.
    pub(super) fn make_mount_point(&self, at: &Path, kind: NodeKind) -> io::Result<()> {
        match self.find(at) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => {}
            found => return found.map(drop),
        }
        let (Some(above), Some(name)) = (at.parent(), at.file_name()) else {
            return Ok(());
        };
        self.make_mount_point(above, NodeKind::Dir)?;
        let above = self.find_dir(above)?;
        match kind {
            NodeKind::Dir => mkdirat(above, name, Mode::from(0o755))?,
            NodeKind::File => {
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
                openat(above, name, flags, Mode::from(0o644))?;
            }
        }
        Ok(())
    }

    /// Returns the path of an opened file in this root, without links.
    pub(super) fn real_path(&self, found: &OwnedFd) -> io::Result<PathBuf> {
        let (root, path) = (proc_path(&self.dir), proc_path(found));
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
    ) -> Result<(), Failure> {
        self.try_mount(kind, at, flags, options)
            .or_failure(format_args!("can't mount {kind} at `{at}`"))
    }

    /// Mounts a file system, for a caller that handles some errors.
    pub(super) fn try_mount(
        &self,
        kind: &str,
        at: &str,
        flags: MountFlags,
        options: &str,
    ) -> io::Result<()> {
        let mount_point = self.find(Path::new(at))?;
        let options = std::ffi::CString::new(options)?;
        Ok(mount(
            kind,
            proc_path(&mount_point),
            kind,
            flags,
            options.as_c_str(),
        )?)
    }

    /// Mounts a file or directory of the host, with all mounts below it, and restricts all of them.
    pub(super) fn bind(&self, from: &Path, at: &Path, flags: MountFlags) -> Result<(), Failure> {
        let bind = || -> io::Result<()> {
            mount_bind_recursive(from, proc_path(&self.find(at)?))?;
            self.restrict(at, flags)
        };
        bind().or_failure(format_args!(
            "can't mount `{}` at `{}`",
            from.display(),
            at.display()
        ))
    }

    /// Makes the file or directory at a path read-only, if there is one.
    pub(super) fn protect(&self, at: &Path) -> Result<(), Failure> {
        let protect = || -> io::Result<()> {
            let itself = self.find(at)?;
            mount_bind_recursive(proc_path(&itself), proc_path(&itself))?;
            self.restrict(at, DATA_ONLY | MountFlags::RDONLY)
        };
        match protect() {
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
            protected => protected.or_failure(format_args!("can't protect `{}`", at.display())),
        }
    }

    /// Adds restrictions to a mount and to all below it. Those that they have stay, as they must inside a user
    /// namespace.
    ///
    /// A single call for all of them (`mount_setattr`) would need Linux 5.12 and unsafe code. No other process
    /// changes the mounts of this namespace meanwhile.
    fn restrict(&self, at: &Path, flags: MountFlags) -> io::Result<()> {
        let top = mountinfo::id_of(&self.find(at)?)?;
        let root = proc_path(&self.dir).read_link()?;
        for mount in mountinfo::tree(top)? {
            let at = mount.point.strip_prefix(&root).map_err(io::Error::other)?;
            let mounted = match self.find(at) {
                // The container has fewer rights than this process, and can't reach it either.
                Err(err) if mount.id != top && is_out_of_reach(&err) => continue,
                mounted => mounted?,
            };
            // A hidden mount has another one on top.
            if mountinfo::id_of(&mounted)? == mount.id {
                let flags = MountFlags::BIND | flags | mount.flags;
                mount_remount(proc_path(&mounted), flags, "")?;
            }
        }
        Ok(())
    }
}

fn is_out_of_reach(err: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    matches!(err.kind(), NotADirectory | NotFound | PermissionDenied)
}
