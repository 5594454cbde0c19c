//! Finds and makes the directories that entries lie in, and never leaves the tree.
//!
//! Every step opens one component in an open directory and follows no link. Where a component is a link
//! that the same layer made, its target is walked in the same way, with the tree as the root: an engine
//! that unpacks in a chroot ends in the same place. The directories above the last entry stay open, so
//! that entries in order cost no walk each, and get their time when they are left.

use std::{
    ffi::{OsStr, OsString},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
};

use rustix::{
    fs::{
        AtFlags, FileType, Gid, Mode, OFlags, Timespec, Uid, fchmod, fchown, fstat, mkdirat,
        openat, readlinkat, statat, unlinkat,
    },
    io::Errno,
};
use s2i_core::archive::{self, ArchiveFault, Entry, ReadError, shown};

use super::{
    Dialect, EntryFault, Limits,
    error::EntryError,
    meta::{self, IMPLIED_MODE, IMPLIED_TIME},
    xattr,
};

/// The most links that one path goes through, as in the kernel.
const MAX_LINKS: usize = 40;

/// The tree's root and the directories below it that are being filled.
pub(super) struct Dirs<'l> {
    root: Level,
    levels: Vec<Level>,
    dialect: Dialect,
    limits: &'l Limits,
    /// The number of created directories that no entry had named.
    implied: u64,
}

/// A directory that is being filled.
struct Level {
    name: OsString,
    fd: OwnedFd,
    /// The mode to set when the directory is left; `None` if the directory has it already.
    mode: Option<Mode>,
    mtime: Timespec,
}

/// The handling of a directory that does not exist.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Make,
    Fail,
}

/// The result of a step.
enum Step {
    Entered,
    Link(Vec<u8>),
}

impl<'l> Dirs<'l> {
    /// The root gets the attributes of implied directories, unless an entry names it.
    pub(super) fn new(root: OwnedFd, dialect: Dialect, limits: &'l Limits) -> Result<Self, Errno> {
        fchown(&root, Some(Uid::ROOT), Some(Gid::ROOT))?;
        Ok(Self {
            root: Level {
                name: OsString::new(),
                fd: root,
                mode: Some(meta::permissions(IMPLIED_MODE)),
                mtime: IMPLIED_TIME,
            },
            levels: Vec::new(),
            dialect,
            limits,
            implied: 0,
        })
    }

    /// Opens the directory with this path, creating missing directories.
    pub(super) fn enter(&mut self, path: &[&OsStr]) -> Result<BorrowedFd<'_>, EntryError> {
        self.walk(path, Missing::Make)?;
        Ok(self.current())
    }

    /// Opens a directory that must be there.
    pub(super) fn find(&mut self, path: &[&OsStr]) -> Result<OwnedFd, EntryError> {
        self.walk(path, Missing::Fail)?;
        Ok(self.current().try_clone_to_owned()?)
    }

    /// Creates the directory of an entry, or gives the existing one the entry's attributes.
    pub(super) fn directory(
        &mut self,
        parents: &[&OsStr],
        name: &OsStr,
        entry: &Entry,
    ) -> Result<(), EntryError> {
        self.walk(parents, Missing::Make)?;
        let fd = match make(self.current(), name) {
            Err(Errno::EXIST) => self.replace(name)?,
            created => created?,
        };
        self.push(name, fd, IMPLIED_TIME)?;
        self.describe(entry)
    }

    /// Gives the current directory the attributes of an entry.
    pub(super) fn describe(&mut self, entry: &Entry) -> Result<(), EntryError> {
        let mode = meta::own(self.current(), entry, self.dialect)?;
        xattr::set(self.current(), &entry.xattrs)?;
        let level = self.levels.last_mut().unwrap_or(&mut self.root);
        level.mode = Some(mode);
        level.mtime = meta::timespec(entry.mtime);
        Ok(())
    }

    /// Leaves all directories, and the root.
    pub(super) fn finish(mut self) -> Result<(), EntryError> {
        self.leave(0)?;
        self.root.finish()
    }

    fn current(&self) -> BorrowedFd<'_> {
        self.levels.last().unwrap_or(&self.root).fd.as_fd()
    }

    fn walk(&mut self, path: &[&OsStr], missing: Missing) -> Result<(), EntryError> {
        let open = self.levels.iter().map(|level| level.name.as_os_str());
        let common = open.zip(path).take_while(|(a, b)| a == *b).count();
        self.leave(common)?;
        for (index, name) in path.iter().enumerate().skip(common) {
            if let Step::Link(target) = self.step(name, missing)? {
                return self.follow(&target, &path[index + 1..], missing);
            }
        }
        Ok(())
    }

    /// Walks on from the directory at hand through a link's target and then the rest of the path.
    fn follow(
        &mut self,
        target: &[u8],
        rest: &[&OsStr],
        missing: Missing,
    ) -> Result<(), EntryError> {
        let mut links = 1;
        let rest = rest.iter().rev().map(|part| part.as_bytes().to_vec());
        let mut left: Vec<_> = rest.collect();
        self.take_target(target, &mut left)?;
        while let Some(part) = left.pop() {
            match &*part {
                b"" | b"." => {}
                b".." => self.leave(self.levels.len().saturating_sub(1))?,
                name => {
                    if let Step::Link(target) = self.step(OsStr::from_bytes(name), missing)? {
                        links += 1;
                        if links > MAX_LINKS {
                            return Err(EntryFault::Links(MAX_LINKS).into());
                        }
                        self.take_target(&target, &mut left)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Puts the components of a link's target before the rest of the path.
    fn take_target(&mut self, target: &[u8], left: &mut Vec<Vec<u8>>) -> Result<(), EntryError> {
        if target.starts_with(b"/") {
            self.leave(0)?;
        }
        let parts = target.split(|byte| *byte == b'/').rev();
        left.extend(parts.map(<[u8]>::to_vec));
        Ok(())
    }

    /// Opens one component of the directory at hand, or makes it.
    fn step(&mut self, name: &OsStr, missing: Missing) -> Result<Step, EntryError> {
        let fd = match open(self.current(), name) {
            Ok(fd) => {
                let stat = fstat(&fd)?;
                let mtime = Timespec {
                    tv_sec: stat.st_mtime,
                    tv_nsec: stat.st_mtime_nsec.cast_signed(),
                };
                self.push(name, fd, mtime)?;
                return Ok(Step::Entered);
            }
            Err(Errno::NOENT) if missing == Missing::Make => make(self.current(), name)?,
            Err(Errno::NOTDIR | Errno::LOOP) => {
                let stat = statat(self.current(), name, AtFlags::SYMLINK_NOFOLLOW)?;
                if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
                    let target = readlinkat(self.current(), name, Vec::new())?;
                    return Ok(Step::Link(target.into_bytes()));
                }
                match missing {
                    Missing::Make if meta::is_whiteout(&stat) => self.replace(name)?,
                    _ => return Err(EntryFault::BelowFile(self.path(name)).into()),
                }
            }
            Err(err) => return Err(err.into()),
        };
        self.imply(name, fd)?;
        Ok(Step::Entered)
    }

    /// Enters a directory that was created although no entry had named it.
    fn imply(&mut self, name: &OsStr, fd: OwnedFd) -> Result<(), EntryError> {
        self.implied += 1;
        if self.implied > self.limits.entries {
            let fault = ArchiveFault::Entries(self.limits.entries);
            return Err(ReadError::from(fault).into());
        }
        // A directory with the set-group-ID bit hands its group down.
        fchown(&fd, Some(Uid::ROOT), Some(Gid::ROOT))?;
        self.push(name, fd, IMPLIED_TIME)?;
        if let Some(level) = self.levels.last_mut() {
            level.mode = Some(meta::permissions(IMPLIED_MODE));
        }
        Ok(())
    }

    /// Creates a directory in place of the file of its name, unless that is a directory. If the file is a whiteout, the
    /// directory hides the contents of lower layers.
    fn replace(&self, name: &OsStr) -> Result<OwnedFd, EntryError> {
        let parent = self.current();
        let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return Ok(open(parent, name)?);
        }
        unlinkat(parent, name, AtFlags::empty())?;
        let fd = make(parent, name)?;
        if meta::is_whiteout(&stat) {
            xattr::set_opaque(fd.as_fd(), self.dialect)?;
        }
        Ok(fd)
    }

    fn push(&mut self, name: &OsStr, fd: OwnedFd, mtime: Timespec) -> Result<(), EntryError> {
        // Paths are not deeper, but links may lead further down.
        if self.levels.len() == self.limits.depth {
            return Err(archive::EntryFault::Deep(self.limits.depth).into());
        }
        self.levels.push(Level {
            name: name.into(),
            fd,
            mode: None,
            mtime,
        });
        Ok(())
    }

    /// Finishes the directories below this depth.
    fn leave(&mut self, depth: usize) -> Result<(), EntryError> {
        while self.levels.len() > depth {
            match self.levels.pop() {
                Some(level) => level.finish()?,
                None => break,
            }
        }
        Ok(())
    }

    /// The path of something in the directory at hand, as messages show it.
    fn path(&self, name: &OsStr) -> String {
        let levels = self.levels.iter().map(|level| level.name.as_bytes());
        let parts: Vec<_> = levels.chain([name.as_bytes()]).collect();
        shown(&parts.join(&b'/'))
    }
}

impl Level {
    fn finish(&self) -> Result<(), EntryError> {
        if let Some(mode) = self.mode {
            fchmod(&self.fd, mode)?;
        }
        Ok(meta::touch(self.fd.as_fd(), self.mtime)?)
    }
}

/// Opens a directory itself.
pub(super) fn open(dir: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(dir, name, flags, Mode::empty())
}

fn make(dir: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    mkdirat(dir, name, Mode::RWXU)?;
    open(dir, name)
}
