//! Owner, mode and time of files and directories.

use std::{
    fs::{self, Metadata, Permissions},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::Path,
};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

/// Gives a file or directory the owner, mode and modification time of another one.
pub(crate) fn copy_metadata(from: &Metadata, to: &Path) -> io::Result<()> {
    // A process that may not change owners sees unmapped owners anyway.
    let _ = chown(to, Some(from.uid()), Some(from.gid()));
    fs::set_permissions(to, Permissions::from_mode(from.mode() & 0o7777))?;
    set_time(to, from.mtime(), from.mtime_nsec())
}

/// Sets both times of a file or directory, without following a link.
pub(crate) fn set_time(path: &Path, seconds: i64, nanoseconds: i64) -> io::Result<()> {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}
