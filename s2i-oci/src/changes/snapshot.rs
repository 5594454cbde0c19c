//! The state of all files of a file system at one time.

use std::{
    collections::BTreeSet,
    ffi::{CStr, CString, OsStr},
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, Stat, openat, statat},
    io::Errno,
};
use s2i_core::bounds::Limits;
use thiserror::Error;

/// The buffer for the names in a directory.
const NAMES: usize = 32 << 10;

/// A failure to read a file system.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// A directory or a file could not be read.
    #[error("can't read `{}`", path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file system has more entries, or deeper directories, than a layer may have.
    #[error("`{}` is beyond the limit of {limit} {unit}", path.display())]
    Limit {
        /// The path at which the limit was reached.
        path: PathBuf,
        /// The limit.
        limit: u64,
        /// Its unit.
        unit: &'static str,
    },
    /// The caller stopped it.
    #[error("stopped")]
    Stopped(#[source] io::Error),
}

/// The state of all files below a directory: their attributes, not their content.
///
/// It takes about 120 bytes of memory for each file. Directories that can't be read have no entries: without the right
/// to read, a process is in general not able to change what is in them either.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) root: Vec<Entry>,
}

/// An entry of a directory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: CString,
    pub(super) state: State,
    /// The entries of a directory, sorted by the bytes of their names.
    pub(super) below: Vec<Entry>,
    /// True for a directory that could not be read.
    pub(super) is_closed: bool,
}

/// The attributes that show a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// The type and the permissions.
    mode: u32,
    uid: u32,
    gid: u32,
    device: u64,
    size: i64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl State {
    fn of(stat: &Stat) -> Self {
        Self {
            mode: stat.st_mode,
            uid: stat.st_uid,
            gid: stat.st_gid,
            device: stat.st_rdev,
            size: stat.st_size,
            modified: (stat.st_mtime, stat.st_mtime_nsec.cast_signed()),
            changed: (stat.st_ctime, stat.st_ctime_nsec.cast_signed()),
        }
    }

    pub(super) fn is_dir(&self) -> bool {
        self.kind() == FileType::Directory
    }

    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.mode)
    }

    /// Returns whether a directory has other attributes of its own than before.
    pub(super) fn differs_as_directory(&self, before: &Self) -> bool {
        (self.mode, self.uid, self.gid) != (before.mode, before.uid, before.gid)
    }
}

impl Snapshot {
    /// Takes a snapshot of everything below `root` except the paths of `skip`, which are absolute. There may be as many
    /// entries, and as deep directories, as `limits` has. `check` is called for each directory, and its error stops the
    /// snapshot.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn take(
        root: &Path,
        skip: &BTreeSet<PathBuf>,
        limits: &Limits,
        check: &dyn Fn() -> io::Result<()>,
    ) -> Result<Self, SnapshotError> {
        let mut taking = Taking {
            skip,
            check,
            path: root.to_owned(),
            left: limits.entries,
            limits: *limits,
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = openat(CWD, root, flags, Mode::empty());
        let dir = dir.map_err(|err| taking.unreadable(err))?;
        let root = taking.entries(&dir, 0)?;
        Ok(Self { root })
    }

    /// Returns the number of files, without directories, whose attributes or content changed after this time, and the
    /// path of the first of them.
    #[must_use]
    pub fn changed_since(&self, time: SystemTime) -> (u64, Option<PathBuf>) {
        let time = time.duration_since(SystemTime::UNIX_EPOCH);
        let time = time.unwrap_or(Duration::ZERO);
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let mut count = Count {
            after: (seconds, time.subsec_nanos().into()),
            files: 0,
            first: None,
        };
        count.add(&self.root, Path::new("/"));
        (count.files, count.first)
    }
}

struct Count {
    after: (i64, i64),
    files: u64,
    first: Option<PathBuf>,
}

impl Count {
    fn add(&mut self, entries: &[Entry], dir: &Path) {
        for entry in entries {
            let path = || dir.join(OsStr::from_bytes(entry.name.to_bytes()));
            if entry.state.is_dir() {
                self.add(&entry.below, &path());
            } else if entry.state.changed > self.after {
                self.files += 1;
                if self.first.is_none() {
                    self.first = Some(path());
                }
            }
        }
    }
}

struct Taking<'a> {
    skip: &'a BTreeSet<PathBuf>,
    check: &'a dyn Fn() -> io::Result<()>,
    path: PathBuf,
    left: u64,
    limits: Limits,
}

impl Taking<'_> {
    fn entries(&mut self, dir: &OwnedFd, depth: usize) -> Result<Vec<Entry>, SnapshotError> {
        (self.check)().map_err(SnapshotError::Stopped)?;
        if depth > self.limits.depth {
            return Err(self.limit(self.limits.depth as u64, "directories inside each other"));
        }
        let mut entries = Vec::new();
        for name in self.names(dir)? {
            self.path.push(OsStr::from_bytes(name.to_bytes()));
            if !self.skip.contains(&self.path)
                && let Some(entry) = self.entry(dir, name, depth)?
            {
                self.left = self.left.checked_sub(1).ok_or_else(|| {
                    let limit = self.limits.entries;
                    self.limit(limit, "files")
                })?;
                entries.push(entry);
            }
            self.path.pop();
        }
        entries.shrink_to_fit();
        Ok(entries)
    }

    /// Returns an entry; `None` for one that is gone meanwhile.
    fn entry(
        &mut self,
        dir: &OwnedFd,
        name: CString,
        depth: usize,
    ) -> Result<Option<Entry>, SnapshotError> {
        let stat = match statat(dir, &*name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            stat => stat.map_err(|err| self.unreadable(err))?,
        };
        let state = State::of(&stat);
        let (mut below, mut is_closed) = (Vec::new(), false);
        if state.is_dir() {
            match open(dir, &name) {
                Err(Errno::NOENT) => return Ok(None),
                Err(Errno::ACCESS | Errno::PERM) => is_closed = true,
                opened => {
                    let opened = opened.map_err(|err| self.unreadable(err))?;
                    below = self.entries(&opened, depth + 1)?;
                }
            }
        }
        Ok(Some(Entry {
            name,
            state,
            below,
            is_closed,
        }))
    }

    /// Returns the names in a directory in the order of their bytes.
    fn names(&self, dir: &OwnedFd) -> Result<Vec<CString>, SnapshotError> {
        let mut buffer = Vec::with_capacity(NAMES);
        let mut listing = RawDir::new(dir, buffer.spare_capacity_mut());
        let mut names = Vec::new();
        while let Some(entry) = listing.next() {
            let entry = entry.map_err(|err| self.unreadable(err))?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            if names.len() as u64 >= self.left {
                return Err(self.limit(self.limits.entries, "files"));
            }
            names.push(entry.file_name().to_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn unreadable(&self, err: Errno) -> SnapshotError {
        SnapshotError::Read {
            path: self.path.clone(),
            source: err.into(),
        }
    }

    fn limit(&self, limit: u64, unit: &'static str) -> SnapshotError {
        let path = self.path.clone();
        SnapshotError::Limit { path, limit, unit }
    }
}

fn open(dir: &OwnedFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(dir, name, flags, Mode::empty())
}
