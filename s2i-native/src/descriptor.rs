//! Open files: paths that are resolved below one, and the path of one.

use std::{
    os::fd::{AsRawFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags, ResolveFlags, openat2},
    io::Errno,
};

/// Opens a path as a location, without reading it. `resolve` states how `root` bounds the path.
pub(crate) fn open_in(
    root: &OwnedFd,
    path: &Path,
    flags: OFlags,
    resolve: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::PATH | OFlags::CLOEXEC;
    let resolve = resolve | ResolveFlags::NO_MAGICLINKS;
    loop {
        match openat2(root, path, flags, Mode::empty(), resolve) {
            // A file was renamed meanwhile, and the kernel does not know if that concerns this path.
            Err(Errno::AGAIN) => {}
            opened => return opened,
        }
    }
}

/// Returns a path to an open file, for calls that take paths only. The file must stay open.
pub(crate) fn proc_path(file: &impl AsRawFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}
