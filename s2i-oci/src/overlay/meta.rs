//! Sets owners, modes and times of unpacked files.

use std::{ffi::OsStr, os::fd::BorrowedFd};

use rustix::{
    fs::{
        AtFlags, FileType, Gid, Mode, Stat, Timespec, Timestamps, UTIME_OMIT, Uid, chmodat,
        chownat, fchmod, fchown, futimens, utimensat,
    },
    io::Errno,
};
use s2i_core::archive::{Entry, Kind, Time};

use super::{Dialect, xattr};

/// The mode of directories that no entry names.
pub(super) const IMPLIED_MODE: u32 = 0o755;

/// The time of directories that no entry names: always the same one.
pub(super) const IMPLIED_TIME: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// The set-user-ID and set-group-ID bits.
const SET_ID: u32 = 0o6000;

/// Gives everything to a file. The order matters: a new owner costs the set-ID bits and the capabilities.
pub(super) fn finish_file(
    file: BorrowedFd<'_>,
    entry: &Entry,
    dialect: Dialect,
) -> Result<(), Errno> {
    let mode = own(file, entry, dialect)?;
    fchmod(file, mode)?;
    xattr::set(file, &entry.xattrs)?;
    touch(file, timespec(entry.mtime))
}

/// Gives the owner of an entry; returns the mode that it then may have.
pub(super) fn own(fd: BorrowedFd<'_>, entry: &Entry, dialect: Dialect) -> Result<Mode, Errno> {
    let (uid, gid) = ids(entry);
    owned(fchown(fd, uid, gid), entry.mode, dialect)
}

/// Sets owner, mode and time of a file that can't be opened.
pub(super) fn finish_at(
    dir: BorrowedFd<'_>,
    name: &OsStr,
    entry: &Entry,
    dialect: Dialect,
) -> Result<(), Errno> {
    let (uid, gid) = ids(entry);
    let changed = chownat(dir, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW);
    let mode = owned(changed, entry.mode, dialect)?;
    // Links have no mode. Other files were just created in a directory that no other process uses.
    if entry.kind != Kind::Symlink {
        chmodat(dir, name, mode, AtFlags::empty())?;
    }
    touch_at(dir, name, timespec(entry.mtime))
}

/// Returns the mode after a change of the owner. An owner that the user namespace does not map can't be set; set-ID
/// bits would then grant root's rights, so they are removed.
fn owned(changed: Result<(), Errno>, mode: u32, dialect: Dialect) -> Result<Mode, Errno> {
    match changed {
        Ok(()) => Ok(permissions(mode)),
        Err(Errno::INVAL) if dialect == Dialect::User => Ok(permissions(mode & !SET_ID)),
        Err(err) => Err(err),
    }
}

fn ids(entry: &Entry) -> (Option<Uid>, Option<Gid>) {
    (
        Some(Uid::from_raw(entry.uid)),
        Some(Gid::from_raw(entry.gid)),
    )
}

/// Twelve bits as the kernel takes them.
pub(super) fn permissions(mode: u32) -> Mode {
    Mode::from_raw_mode(mode)
}

/// A time as the kernel takes it.
pub(super) fn timespec(time: Time) -> Timespec {
    Timespec {
        tv_sec: time.seconds,
        tv_nsec: time.nanoseconds.into(),
    }
}

/// Sets the modification time.
pub(super) fn touch(fd: BorrowedFd<'_>, mtime: Timespec) -> Result<(), Errno> {
    futimens(fd, &times(mtime))
}

/// Sets the modification time of an entry of a directory, without following a link.
pub(super) fn touch_at(
    dir: BorrowedFd<'_>,
    name: impl rustix::path::Arg,
    mtime: Timespec,
) -> Result<(), Errno> {
    utimensat(dir, name, &times(mtime), AtFlags::SYMLINK_NOFOLLOW)
}

fn times(mtime: Timespec) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: mtime,
    }
}

/// Returns whether a file is overlayfs' mark of a removed file.
pub(super) fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}
