//! Unpacks a layer into a tree.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, ErrorKind, Read},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

use rustix::{
    fs::{
        AtFlags, CWD, FileType, Mode, OFlags, linkat, makedev, mknodat, openat, statat, symlinkat,
        unlinkat,
    },
    io::Errno,
};
use s2i_core::archive::{self, Entries, Entry, Kind, shown};

use super::{
    Dialect, EntryFault, Limits, RULES, Size, UnpackError, content,
    dirs::{self, Dirs},
    error::EntryError,
    meta,
    name::{self, Meaning},
    stream, xattr,
};
use crate::Digest;

/// Unpacks a layer, compressed with gzip or zstd or not at all, into an empty directory. Returns the
/// digest of the uncompressed archive, from its first byte to the last one of the stream, and its size.
///
/// Entries may come in any order. Directories that no entry names become root's, with mode 0755 and the first second of
/// 1970 as their time, and so does `into` itself where no entry names it. An entry replaces an earlier one of its name:
/// a directory keeps the contents of an earlier directory, and any other file replaces a directory only if that is
/// empty. Whiteouts and marks apply to lower layers only: wherever they are in the archive, the entries of the same
/// layer stay, and a directory that the layer both removes and contains hides the contents of lower layers. Long runs
/// of zeros become holes.
///
/// Nothing is created outside `into`: absolute names start at it, `..` is refused, and links of the layer are followed
/// as if `into` were the root of the file system. No other process may write to `into`.
///
/// Files that were unpacked before an error stay; the caller removes the directory.
///
/// # Errors
/// [`UnpackError`].
pub fn unpack(
    layer: &mut dyn Read,
    into: &Path,
    dialect: Dialect,
    limits: &Limits,
) -> Result<(Digest, Size), UnpackError> {
    unpack_while(layer, into, dialect, limits, &|| Ok(()))
}

/// [`unpack`] as long as `check` has no error, which is asked for at least once for each mebibyte of the
/// uncompressed archive.
///
/// # Errors
/// [`UnpackError`]; [`Read`](UnpackError::Read) with the error of `check`.
pub fn unpack_while(
    layer: &mut dyn Read,
    into: &Path,
    dialect: Dialect,
    limits: &Limits,
    check: &dyn Fn() -> io::Result<()>,
) -> Result<(Digest, Size), UnpackError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dirs = openat(CWD, into, flags, Mode::empty())
        .and_then(|root| Dirs::new(root, dialect, limits))
        .map_err(|err| UnpackError::Directory {
            path: into.into(),
            source: err.into(),
        })?;
    let mut stream = stream::open(layer, check)?;
    let mut entries = Entries::new(&mut stream, &RULES, limits);
    let mut unpacking = Unpacking {
        dirs,
        dialect,
        limits,
    };
    let mut files = 0;
    while let Some(entry) = entries.next_entry()? {
        files += 1;
        unpacking
            .entry(&entry, &mut entries)
            .map_err(|err| err.with(&entry.name))?;
    }
    let finished = unpacking.dirs.finish();
    finished.map_err(|err| err.with(b"/"))?;
    let (digest, bytes) = stream::finish(stream);
    Ok((digest, Size { bytes, files }))
}

struct Unpacking<'l> {
    dirs: Dirs<'l>,
    dialect: Dialect,
    limits: &'l Limits,
}

/// An entry that is not the root, and its path.
struct Item<'e> {
    entry: &'e Entry,
    parents: &'e [&'e OsStr],
    name: &'e OsStr,
}

impl Unpacking<'_> {
    fn entry(&mut self, entry: &Entry, entries: &mut Entries<'_>) -> Result<(), EntryError> {
        let path = RULES.components(&entry.name, self.limits)?;
        let Some((name, parents)) = path.split_last() else {
            return self.root(entry);
        };
        let item = Item {
            entry,
            parents,
            name,
        };
        match name::meaning(parents, name)? {
            Meaning::Itself => self.create(&item, entries),
            Meaning::Nothing => Ok(()),
            Meaning::Opaque | Meaning::Whiteout(_)
                if !matches!(entry.kind, Kind::File | Kind::HardLink) =>
            {
                Err(EntryFault::WhiteoutType.into())
            }
            Meaning::Opaque => Ok(xattr::set_opaque(self.dirs.enter(parents)?, self.dialect)?),
            Meaning::Whiteout(removed) => self.whiteout(parents, removed),
        }
    }

    fn root(&mut self, entry: &Entry) -> Result<(), EntryError> {
        if entry.kind != Kind::Directory {
            return Err(archive::EntryFault::Root.into());
        }
        self.dirs.enter(&[])?;
        self.dirs.describe(entry)
    }

    fn create(&mut self, item: &Item<'_>, entries: &mut Entries<'_>) -> Result<(), EntryError> {
        match item.entry.kind {
            Kind::Directory => self.dirs.directory(item.parents, item.name, item.entry),
            Kind::CharacterDevice => self.node(item, FileType::CharacterDevice),
            Kind::BlockDevice => self.node(item, FileType::BlockDevice),
            Kind::Fifo => self.node(item, FileType::Fifo),
            Kind::HardLink => self.hard_link(item),
            Kind::Symlink => self.symlink(item),
            // The rules let nothing else through.
            Kind::File | Kind::Label => self.file(item, entries),
        }
    }

    fn symlink(&mut self, item: &Item<'_>) -> Result<(), EntryError> {
        let dir = self.dirs.enter(item.parents)?;
        let target = OsStr::from_bytes(&item.entry.target);
        replace(dir, item.name, || symlinkat(target, dir, item.name))?;
        Ok(meta::finish_at(dir, item.name, item.entry, self.dialect)?)
    }

    fn file(&mut self, item: &Item<'_>, entries: &mut Entries<'_>) -> Result<(), EntryError> {
        let dir = self.dirs.enter(item.parents)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = replace(dir, item.name, || openat(dir, item.name, flags, mode))?;
        let file = File::from(file);
        content::fill(&file, item.entry, entries)?;
        Ok(meta::finish_file(file.as_fd(), item.entry, self.dialect)?)
    }

    /// Creates a device or FIFO, except where a user namespace forbids it.
    fn node(&mut self, item: &Item<'_>, kind: FileType) -> Result<(), EntryError> {
        let (dir, name) = (self.dirs.enter(item.parents)?, item.name);
        let (major, minor) = item.entry.device;
        let device = makedev(major, minor);
        match replace(dir, name, || mknodat(dir, name, kind, Mode::RUSR, device)) {
            Err(EntryError::Io(err))
                if self.dialect == Dialect::User && err.kind() == ErrorKind::PermissionDenied =>
            {
                Ok(())
            }
            created => {
                created?;
                Ok(meta::finish_at(dir, name, item.entry, self.dialect)?)
            }
        }
    }

    /// Creates a hard link to a file of the layer that is not a directory.
    fn hard_link(&mut self, item: &Item<'_>) -> Result<(), EntryError> {
        let (name, target) = (item.name, || shown(&item.entry.target));
        let missing = || EntryFault::TargetMissing(target());
        let path = RULES.components(&item.entry.target, self.limits);
        let path = path.map_err(|fault| archive::EntryFault::Target {
            target: target(),
            fault: Box::new(fault),
        })?;
        let Some((source_name, source_parents)) = path.split_last() else {
            return Err(EntryFault::TargetDirectory(target()).into());
        };
        let source = match self.dirs.find(source_parents) {
            Err(err) if err.is_absence() => return Err(missing().into()),
            source => source?,
        };
        let found = match statat(&source, *source_name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Err(missing().into()),
            found => found?,
        };
        if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
            return Err(EntryFault::TargetDirectory(target()).into());
        }
        if meta::is_whiteout(&found) {
            return Err(missing().into());
        }
        let dir = self.dirs.enter(item.parents)?;
        if let Ok(old) = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)
            && (old.st_dev, old.st_ino) == (found.st_dev, found.st_ino)
        {
            return Ok(());
        }
        let link = || linkat(&source, *source_name, dir, name, AtFlags::empty());
        replace(dir, name, link)
    }

    /// Marks the file of this name in lower layers as removed.
    fn whiteout(&mut self, parents: &[&OsStr], name: &OsStr) -> Result<(), EntryError> {
        let dir = self.dirs.enter(parents)?;
        match mknodat(dir, name, FileType::CharacterDevice, Mode::empty(), 0) {
            Err(Errno::EXIST) => {}
            created => return Ok(created?),
        }
        match dirs::open(dir, name) {
            Ok(directory) => Ok(xattr::set_opaque(directory.as_fd(), self.dialect)?),
            Err(Errno::NOTDIR | Errno::LOOP) => Ok(()),
            Err(err) => Err(err.into()),
        }
    }
}

/// Creates a file that is not a directory, in place of an existing one of its name. A directory is only replaced if it
/// is empty.
fn replace<T>(
    dir: BorrowedFd<'_>,
    name: &OsStr,
    make: impl Fn() -> Result<T, Errno>,
) -> Result<T, EntryError> {
    match make() {
        Err(Errno::EXIST) => {}
        done => return Ok(done?),
    }
    match unlinkat(dir, name, AtFlags::empty()) {
        Err(Errno::ISDIR) => match unlinkat(dir, name, AtFlags::REMOVEDIR) {
            Err(Errno::NOTEMPTY) => return Err(EntryFault::OnDirectory.into()),
            removed => removed?,
        },
        removed => removed?,
    }
    Ok(make()?)
}
