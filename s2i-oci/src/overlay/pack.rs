//! Makes a layer of a tree.

use std::{
    collections::{HashMap, hash_map::Entry},
    ffi::{CStr, CString},
    fs::File,
    io::{self, Write},
    os::fd::{AsFd, OwnedFd},
    path::Path,
    vec,
};

use rustix::{
    fs::{
        AtFlags, CWD, FileType, Mode, OFlags, RawDir, Stat, Timespec, fstat, major, minor, openat,
        readlinkat, statat,
    },
    io::Errno,
};
use s2i_core::archive::grammar::shown;
use tar::EntryType;

use super::{
    Clamp, Dialect, Limits, MAX_PATH, OPAQUE, PackError, PackFault, Size, WHITEOUT,
    clock::Clock,
    meta,
    writer::{Broken, Item, Writer},
    xattr::{Found, Reader},
};
use crate::Digest;

/// The buffer for the names in a directory.
const NAMES: usize = 32 << 10;

/// The permissions of whiteouts and marks in archives of Docker's, so that layers look alike.
const WHITEOUT_MODE: u32 = 0o600;
const OPAQUE_MODE: u32 = 0o755;

/// Writes a tree as a layer, uncompressed. Returns the digest and the size of the archive.
///
/// Entries come depth first, in the order of the names' bytes, without the root; the same tree gives the
/// same bytes. Of names for one file, the first is the file and the others are hard links. Times are
/// whole seconds. A whiteout or mark always looks the same: an empty file of root's, with the
/// permissions that Docker gives it, from the first second of 1970.
///
/// With `clamp`, everything but whiteouts whose time is later gets the clamp's, in the archive and in the
/// tree: packed again, without it, the tree gives the same archive.
///
/// The tree may be whatever a build left: it is read through directory handles, no link is followed, and
/// nothing waits for the other end of a FIFO. It must not change meanwhile. A mark of overlayfs that
/// only has a meaning together with lower layers is an error; mounted with `redirect_dir=off` and
/// `metacopy=off` it leaves none.
///
/// # Errors
/// [`PackError`]. What was written before is no whole archive.
pub fn pack(
    tree: &Path,
    dialect: Dialect,
    clamp: Option<&Clamp>,
    out: &mut dyn Write,
) -> Result<(Digest, Size), PackError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, tree, flags, Mode::empty());
    let mut packing = Packing {
        writer: Writer::new(out),
        clock: clamp.map(Clock::of),
        xattrs: Reader::new(dialect),
        links: HashMap::new(),
        frames: Vec::new(),
        path: Vec::new(),
    };
    let root = root.map_err(|err| packing.unreadable(err))?;
    packing.root(root)?;
    packing.run()?;
    packing.writer.finish().map_err(PackError::Write)
}

struct Packing<'a> {
    writer: Writer<'a>,
    clock: Option<Clock>,
    xattrs: Reader,
    /// The first paths of files that have more.
    links: HashMap<(u64, u64), Vec<u8>>,
    /// The directories that the entry at hand is in.
    frames: Vec<Frame>,
    /// The path of the entry at hand.
    path: Vec<u8>,
}

struct Frame {
    dir: OwnedFd,
    names: vec::IntoIter<(CString, FileType)>,
    /// The length of its path.
    path: usize,
}

impl Packing<'_> {
    fn root(&mut self, root: OwnedFd) -> Result<(), PackError> {
        let found = self.attributes(&root)?;
        if found.is_opaque {
            let marked = self.writer.entry(&Item::mark(OPAQUE, OPAQUE_MODE));
            marked.map_err(PackError::Write)?;
        }
        self.push(root)
    }

    fn run(&mut self) -> Result<(), PackError> {
        while let Some(frame) = self.frames.last_mut() {
            self.path.truncate(frame.path);
            let Some((name, kind)) = frame.names.next() else {
                self.frames.pop();
                continue;
            };
            self.extend(&name)?;
            self.visit(&name, kind)?;
        }
        Ok(())
    }

    /// Makes the path that of an entry in the directory at hand.
    fn extend(&mut self, name: &CStr) -> Result<(), PackError> {
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name.to_bytes());
        if self.path.len() > MAX_PATH {
            return Err(self.fault(PackFault::LongPath(MAX_PATH)));
        }
        let depth = Limits::default().depth;
        if self.frames.len() > depth {
            return Err(self.fault(PackFault::Deep(depth)));
        }
        if name.to_bytes().starts_with(WHITEOUT) {
            return Err(self.fault(PackFault::Whiteout));
        }
        Ok(())
    }

    fn visit(&mut self, name: &CStr, kind: FileType) -> Result<(), PackError> {
        match kind {
            FileType::Directory => self.directory(name),
            FileType::RegularFile => self.file(name),
            FileType::Socket => Ok(()),
            FileType::Symlink
            | FileType::Fifo
            | FileType::CharacterDevice
            | FileType::BlockDevice => self.other(name, kind),
            // Some file systems do not tell the type together with the name.
            FileType::Unknown => {
                let stat = statat(self.dir(), name, AtFlags::SYMLINK_NOFOLLOW);
                let stat = stat.map_err(|err| self.unreadable(err))?;
                match FileType::from_raw_mode(stat.st_mode) {
                    FileType::Unknown => Err(self.fault(PackFault::Type)),
                    kind => self.visit(name, kind),
                }
            }
        }
    }

    fn directory(&mut self, name: &CStr) -> Result<(), PackError> {
        let (dir, stat) = self.open(name, FileType::Directory)?;
        let found = self.attributes(&dir)?;
        let mtime = self.time(&stat, |time| meta::touch(dir.as_fd(), time))?;
        let path = [&self.path, &b"/"[..]].concat();
        self.entry(&Item {
            xattrs: &found.kept,
            ..item(EntryType::Directory, &path, &stat, mtime)
        })?;
        if found.is_opaque {
            self.entry(&Item::mark(&[&path, OPAQUE].concat(), OPAQUE_MODE))?;
        }
        self.push(dir)
    }

    fn file(&mut self, name: &CStr) -> Result<(), PackError> {
        let (file, stat) = self.open(name, FileType::RegularFile)?;
        if self.link(&stat)? {
            return Ok(());
        }
        let found = self.attributes(&file)?;
        let mtime = self.time(&stat, |time| meta::touch(file.as_fd(), time))?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let path = std::mem::take(&mut self.path);
        let written = self.entry(&Item {
            size,
            xattrs: &found.kept,
            ..item(EntryType::Regular, &path, &stat, mtime)
        });
        self.path = path;
        written?;
        let contents = self.writer.contents(&mut File::from(file), size);
        contents.map_err(|broken| match broken {
            Broken::Read(source) => self.unreadable(source),
            Broken::Write(source) => PackError::Write(source),
            Broken::Fault(fault) => self.fault(fault),
        })
    }

    /// Writes what can't or need not be opened.
    fn other(&mut self, name: &CStr, kind: FileType) -> Result<(), PackError> {
        let stat = statat(self.dir(), name, AtFlags::SYMLINK_NOFOLLOW);
        let stat = stat.map_err(|err| self.unreadable(err))?;
        if FileType::from_raw_mode(stat.st_mode) != kind {
            return Err(self.fault(PackFault::Changed));
        }
        // overlayfs gives all its whiteouts one inode.
        if meta::is_whiteout(&stat) {
            let (dir, name) = self.path.split_at(self.path.len() - name.to_bytes().len());
            let path = [dir, WHITEOUT, name].concat();
            return self.entry(&Item::mark(&path, WHITEOUT_MODE));
        }
        if self.link(&stat)? {
            return Ok(());
        }
        let mtime = self.time(&stat, |time| meta::touch_at(self.dir().as_fd(), name, time))?;
        let target = match kind {
            FileType::Symlink => readlinkat(self.dir(), name, Vec::new())
                .map_err(|err| self.unreadable(err))?
                .into_bytes(),
            _ => Vec::new(),
        };
        let (kind, device) = match kind {
            FileType::Symlink => (EntryType::Symlink, 0),
            FileType::Fifo => (EntryType::Fifo, 0),
            FileType::BlockDevice => (EntryType::Block, stat.st_rdev),
            _ => (EntryType::Char, stat.st_rdev),
        };
        let path = self.path.clone();
        self.entry(&Item {
            target: &target,
            device: (major(device), minor(device)),
            ..item(kind, &path, &stat, mtime)
        })
    }

    /// Writes a hard link, if the file was written under another name.
    fn link(&mut self, stat: &Stat) -> Result<bool, PackError> {
        if stat.st_nlink < 2 {
            return Ok(false);
        }
        let first = self.links.entry((stat.st_dev, stat.st_ino));
        let first = match first {
            Entry::Occupied(first) => first,
            Entry::Vacant(place) => {
                place.insert(self.path.clone());
                return Ok(false);
            }
        };
        let item = Item {
            target: first.get(),
            size: 0,
            ..item(EntryType::Link, &self.path, stat, mtime_of(stat).tv_sec)
        };
        self.writer.entry(&item).map_err(PackError::Write)?;
        Ok(true)
    }

    /// Enters a directory.
    fn push(&mut self, dir: OwnedFd) -> Result<(), PackError> {
        let names = read_names(&dir).map_err(|err| self.unreadable(err))?;
        self.frames.push(Frame {
            dir,
            names,
            path: self.path.len(),
        });
        Ok(())
    }

    /// Opens a file or directory itself, and never waits for the other end of a FIFO.
    fn open(&self, name: &CStr, kind: FileType) -> Result<(OwnedFd, Stat), PackError> {
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = openat(self.dir(), name, flags, Mode::empty())
            .and_then(|fd| fstat(&fd).map(|stat| (fd, stat)));
        let (fd, stat) = opened.map_err(|err| self.unreadable(err))?;
        if FileType::from_raw_mode(stat.st_mode) == kind {
            Ok((fd, stat))
        } else {
            Err(self.fault(PackFault::Changed))
        }
    }

    fn attributes(&mut self, fd: &OwnedFd) -> Result<Found, PackError> {
        let found = self.xattrs.read(fd.as_fd());
        let mut found = found.map_err(|err| self.unreadable(err))?;
        if let Some(mark) = found.mark.take() {
            return Err(self.fault(PackFault::Mark(mark)));
        }
        match found.kept.iter().find(|(name, _)| name.contains(&b'=')) {
            Some((name, _)) => Err(self.fault(PackFault::Attribute(shown(name)))),
            None => Ok(found),
        }
    }

    /// The time that something gets in the archive, and on disk if that is another one.
    fn time(
        &self,
        stat: &Stat,
        touch: impl FnOnce(Timespec) -> Result<(), Errno>,
    ) -> Result<i64, PackError> {
        let mtime = mtime_of(stat);
        let Some(clamped) = self.clock.as_ref().and_then(|clock| clock.clamped(mtime)) else {
            return Ok(mtime.tv_sec);
        };
        match touch(clamped) {
            Ok(()) => Ok(clamped.tv_sec),
            Err(err) => Err(PackError::Clamp {
                path: self.shown(),
                source: err.into(),
            }),
        }
    }

    fn entry(&mut self, item: &Item<'_>) -> Result<(), PackError> {
        self.writer.entry(item).map_err(PackError::Write)
    }

    fn dir(&self) -> &OwnedFd {
        let frame = self.frames.last();
        &frame.expect("it is called below a directory").dir
    }

    fn shown(&self) -> String {
        match &*self.path {
            b"" => "/".into(),
            path => shown(path),
        }
    }

    fn unreadable(&self, err: impl Into<io::Error>) -> PackError {
        PackError::Read {
            path: self.shown(),
            source: err.into(),
        }
    }

    fn fault(&self, fault: PackFault) -> PackError {
        PackError::Entry {
            path: self.shown(),
            fault,
        }
    }
}

/// An entry without contents and attributes.
fn item<'a>(kind: EntryType, name: &'a [u8], stat: &Stat, mtime: i64) -> Item<'a> {
    Item {
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime,
        ..Item::mark(name, 0)
    }
}

fn mtime_of(stat: &Stat) -> Timespec {
    Timespec {
        tv_sec: stat.st_mtime,
        tv_nsec: stat.st_mtime_nsec.cast_signed(),
    }
}

/// The names in a directory in the order of their bytes.
fn read_names(dir: &OwnedFd) -> Result<vec::IntoIter<(CString, FileType)>, Errno> {
    let mut buffer = Vec::with_capacity(NAMES);
    let mut listing = RawDir::new(dir, buffer.spare_capacity_mut());
    let mut names = Vec::new();
    while let Some(entry) = listing.next() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push((entry.file_name().to_owned(), entry.file_type()));
        }
    }
    names.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(names.into_iter())
}
