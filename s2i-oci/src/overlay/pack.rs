//! Makes a layer of a tree.

use std::{
    collections::HashMap,
    ffi::{CStr, CString},
    fs::File,
    io::{self, Write},
    os::fd::{AsFd, OwnedFd},
    path::Path,
    rc::Rc,
    vec,
};

use rustix::{
    fs::{
        AtFlags, CWD, FileType, Mode, OFlags, RawDir, Stat, Timespec, fstat, major, minor, openat,
        readlinkat, statat,
    },
    io::Errno,
};
use s2i_core::archive::{Entry, Kind, Time, shown};

use super::{
    Clamp, Dialect, Limits, MAX_PATH, OPAQUE, PackError, PackFault, Size, WHITEOUT,
    copy::{CopyError, LayerWriter, copy, layer},
    meta,
    xattr::{AttributeReader, Attributes, MOST_IN_ENTRY},
};
use crate::{
    Digest,
    changes::{Change, Changes, DirectoryAttributes},
    layer::Owner,
};

/// The buffer for the names in a directory.
const NAMES: usize = 32 << 10;

/// The bytes of a block of `stat`.
const BLOCK: u64 = 512;

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
/// With `clamp`, every file with a later time, except whiteouts, gets the clamp's time, in the archive and in the tree:
/// packed again, without it, the tree gives the same archive.
///
/// The tree may have any content: it is read through directory handles, no link is followed, and opening a FIFO does
/// not block. It must not change meanwhile. A mark of overlayfs that only has a meaning together with lower layers is
/// an error; an overlay mounted with `redirect_dir=off` and `metacopy=off` has none.
///
/// Its size is not limited: this is for the trees of layers, which were checked when they were unpacked.
///
/// # Errors
/// [`PackError`]. The output before an error is not a complete archive.
pub fn pack(
    tree: &Path,
    dialect: Dialect,
    clamp: Option<&Clamp>,
    out: &mut dyn Write,
) -> Result<(Digest, Size), PackError> {
    pack_within(tree, dialect, clamp, &Limits::NONE, &|| Ok(()), out)
}

/// [Packs](pack) a tree that a build left, which may be of any size: holes of files are not read, and
/// `check` is called between pieces of at most 256 KiB and between entries.
///
/// # Errors
/// [`PackError`]; [`PackFault::Bytes`] and [`PackFault::Entries`] when the archive would be more than
/// [`unpack`](super::unpack()) takes with these limits, and [`PackError::Stopped`] with the error of `check`.
pub fn pack_within(
    tree: &Path,
    dialect: Dialect,
    clamp: Option<&Clamp>,
    limits: &Limits,
    check: &dyn Fn() -> io::Result<()>,
    out: &mut dyn Write,
) -> Result<(Digest, Size), PackError> {
    let mut packing = Packing {
        layer: layer(out),
        limits,
        check,
        clamp,
        kept_clamp: clamp,
        is_in_use: false,
        owner: None,
        is_own: false,
        given: None,
        xattrs: AttributeReader::new(dialect),
        links: HashMap::new(),
        frames: Vec::new(),
        path: Vec::new(),
    };
    let root = packing.open_root(tree)?;
    packing.root(root)?;
    packing.run()?;
    packing.finish()
}

/// The settings of [`pack_changes`].
pub struct PackChanges<'a> {
    /// The owner of files that have changed, in place of that of the process that made them.
    pub owner: Option<OwnerReplacement>,
    /// The rule for times. It applies to the layer alone: the files keep theirs.
    pub clamp: Option<&'a Clamp>,
    /// The rule for the times of directories that have not changed themselves.
    pub kept_clamp: Option<&'a Clamp>,
    /// The limits of the layer.
    pub limits: &'a Limits,
    /// A function that is called between pieces and entries, and whose error ends the packing.
    pub check: &'a dyn Fn() -> io::Result<()>,
}

/// The replacement of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerReplacement {
    /// The owner of files of the process.
    pub uid: u32,
    /// Their group. Files of this user with another group keep that, if the user stays the same.
    pub gid: u32,
    /// Their owner in the layer.
    pub by: Owner,
}

/// Writes the changes of the directory tree `root`, which may be in use, as a layer, in the form of [`pack`]. Returns
/// the digest and the size of the archive.
///
/// # Errors
/// [`PackError`], as for [`pack_within`]; also when a file has gone or has become another one since the changes were
/// determined.
pub fn pack_changes(
    root: &Path,
    changes: Changes,
    settings: &PackChanges<'_>,
    out: &mut dyn Write,
) -> Result<(Digest, Size), PackError> {
    let mut packing = Packing {
        layer: layer(out),
        limits: settings.limits,
        check: settings.check,
        clamp: settings.clamp,
        kept_clamp: settings.kept_clamp,
        is_in_use: true,
        owner: settings.owner,
        is_own: false,
        given: None,
        // The marks of overlayfs are not visible through its mount.
        xattrs: AttributeReader::new(Dialect::User),
        links: HashMap::new(),
        frames: Vec::new(),
        path: Vec::new(),
    };
    let root = packing.open_root(root)?;
    packing.push(root, Some(changes))?;
    packing.run()?;
    packing.finish()
}

struct Packing<'a> {
    layer: LayerWriter<'a>,
    limits: &'a Limits,
    check: &'a dyn Fn() -> io::Result<()>,
    clamp: Option<&'a Clamp>,
    kept_clamp: Option<&'a Clamp>,
    /// True for files in use, whose times are not set.
    is_in_use: bool,
    owner: Option<OwnerReplacement>,
    /// True if the entry at hand has changed itself, and not only something below it.
    is_own: bool,
    /// The attributes that the entry at hand gets in place of its own.
    given: Option<DirectoryAttributes>,
    xattrs: AttributeReader,
    /// The first names of files that have more.
    links: HashMap<(u64, u64), Name>,
    /// The directories that the entry at hand is in.
    frames: Vec<Frame>,
    /// The path of the entry at hand.
    path: Vec<u8>,
}

struct Frame {
    dir: OwnedFd,
    names: vec::IntoIter<(CString, Item)>,
    /// The length of its path.
    path: usize,
    /// The directory's name, once a file with several names was found in it; `None` for the root as well.
    name: Option<Rc<Name>>,
}

/// A name of a directory that is to be packed.
enum Item {
    /// A file, or a directory with everything in it.
    Whole(FileType),
    Change(Change),
}

/// A name in a directory. A whole path for each entry would take more memory.
struct Name {
    parent: Option<Rc<Name>>,
    name: Box<[u8]>,
}

impl Name {
    fn path(&self) -> Vec<u8> {
        let mut parts = vec![&*self.name];
        let mut parent = &self.parent;
        while let Some(name) = parent {
            parts.push(&name.name);
            parent = &name.parent;
        }
        parts.reverse();
        parts.join(&b'/')
    }
}

impl Packing<'_> {
    fn open_root(&self, root: &Path) -> Result<OwnedFd, PackError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, root, flags, Mode::empty());
        root.map_err(|err| self.unreadable(err))
    }

    fn finish(self) -> Result<(Digest, Size), PackError> {
        let (out, written) = self.layer.finish().map_err(PackError::Write)?;
        let (_, digest, bytes) = out.finish();
        let files = written.entries;
        Ok((digest, Size { bytes, files }))
    }

    fn root(&mut self, root: OwnedFd) -> Result<(), PackError> {
        let found = self.attributes(&root)?;
        if found.is_opaque {
            self.entry(&mark(OPAQUE, OPAQUE_MODE))?;
        }
        self.push(root, None)
    }

    fn run(&mut self) -> Result<(), PackError> {
        while let Some(frame) = self.frames.last_mut() {
            (self.check)().map_err(PackError::Stopped)?;
            self.path.truncate(frame.path);
            let Some((name, item)) = frame.names.next() else {
                self.frames.pop();
                continue;
            };
            self.extend(&name)?;
            let (kind, below) = match item {
                Item::Whole(kind) => (kind, None),
                Item::Change(Change::Removed) => {
                    self.whiteout(&name)?;
                    continue;
                }
                Item::Change(Change::Changed(below)) => {
                    (self.is_own, self.given) = (true, None);
                    (FileType::Unknown, Some(below))
                }
                Item::Change(Change::Kept(below, given)) => {
                    (self.is_own, self.given) = (false, given);
                    (FileType::Unknown, Some(below))
                }
            };
            self.visit(&name, kind, below)?;
        }
        Ok(())
    }

    /// Makes the path that of an entry in the directory at hand.
    fn extend(&mut self, name: &CStr) -> Result<(), PackError> {
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name.to_bytes());
        let most = self.limits.path.min(MAX_PATH);
        if self.path.len() > most {
            return Err(self.fault(PackFault::LongPath(most)));
        }
        let depth = self.limits.depth;
        if self.frames.len() > depth {
            return Err(self.fault(PackFault::Deep(depth)));
        }
        if name.to_bytes().starts_with(WHITEOUT) {
            return Err(self.fault(PackFault::Whiteout));
        }
        Ok(())
    }

    fn visit(
        &mut self,
        name: &CStr,
        kind: FileType,
        below: Option<Changes>,
    ) -> Result<(), PackError> {
        match kind {
            FileType::Directory => self.directory(name, below),
            FileType::RegularFile => self.file(name),
            FileType::Socket => Ok(()),
            FileType::Symlink
            | FileType::Fifo
            | FileType::CharacterDevice
            | FileType::BlockDevice => self.other(name, kind),
            // Some file systems do not give the type together with the name.
            FileType::Unknown => {
                let stat = statat(self.dir(), name, AtFlags::SYMLINK_NOFOLLOW);
                let stat = stat.map_err(|err| self.unreadable(err))?;
                match FileType::from_raw_mode(stat.st_mode) {
                    FileType::Unknown => Err(self.fault(PackFault::Type)),
                    kind => self.visit(name, kind, below),
                }
            }
        }
    }

    fn directory(&mut self, name: &CStr, below: Option<Changes>) -> Result<(), PackError> {
        let (dir, stat) = self.open(name, FileType::Directory)?;
        let found = self.attributes(&dir)?;
        let mtime = self.time(&stat, |time| meta::touch(dir.as_fd(), time))?;
        let path = [&self.path, &b"/"[..]].concat();
        self.entry(&Entry {
            xattrs: found.kept,
            ..self.entry_of(Kind::Directory, &path, &stat, mtime)
        })?;
        if found.is_opaque {
            self.entry(&mark(&[&path, OPAQUE].concat(), OPAQUE_MODE))?;
        }
        self.push(dir, below)
    }

    fn file(&mut self, name: &CStr) -> Result<(), PackError> {
        let (file, stat) = self.open(name, FileType::RegularFile)?;
        if self.link(&stat)? {
            return Ok(());
        }
        let found = self.attributes(&file)?;
        let mtime = self.time(&stat, |time| meta::touch(file.as_fd(), time))?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        self.entry(&Entry {
            size,
            xattrs: found.kept,
            ..self.entry_of(Kind::File, &self.path, &stat, mtime)
        })?;
        let is_sparse = u64::try_from(stat.st_blocks).unwrap_or(0) < size / BLOCK;
        let mut file = File::from(file);
        let copied = copy(&mut file, size, is_sparse, &mut self.layer, self.check);
        copied.map_err(|err| match err {
            CopyError::Read(source) => self.unreadable(source),
            CopyError::Write(source) => PackError::Write(source),
            CopyError::Stopped(source) => PackError::Stopped(source),
            CopyError::Fault(fault) => self.fault(fault),
        })
    }

    /// Writes a file that can't or need not be opened.
    fn other(&mut self, name: &CStr, kind: FileType) -> Result<(), PackError> {
        let stat = statat(self.dir(), name, AtFlags::SYMLINK_NOFOLLOW);
        let stat = stat.map_err(|err| self.unreadable(err))?;
        if FileType::from_raw_mode(stat.st_mode) != kind {
            return Err(self.fault(PackFault::Changed));
        }
        // overlayfs gives all its whiteouts one inode.
        if meta::is_whiteout(&stat) {
            return self.whiteout(name);
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
            FileType::Symlink => (Kind::Symlink, 0),
            FileType::Fifo => (Kind::Fifo, 0),
            FileType::BlockDevice => (Kind::BlockDevice, stat.st_rdev),
            _ => (Kind::CharacterDevice, stat.st_rdev),
        };
        self.entry(&Entry {
            target,
            device: (major(device), minor(device)),
            ..self.entry_of(kind, &self.path, &stat, mtime)
        })
    }

    /// Writes the mark of a removed file.
    fn whiteout(&mut self, name: &CStr) -> Result<(), PackError> {
        let (dir, name) = self.path.split_at(self.path.len() - name.to_bytes().len());
        let path = [dir, WHITEOUT, name].concat();
        self.entry(&mark(&path, WHITEOUT_MODE))
    }

    /// Writes a hard link, if the file was written under another name.
    fn link(&mut self, stat: &Stat) -> Result<bool, PackError> {
        if stat.st_nlink < 2 {
            return Ok(false);
        }
        let inode = (stat.st_dev, stat.st_ino);
        let Some(first) = self.links.get(&inode) else {
            let name = self.name();
            self.links.insert(inode, name);
            return Ok(false);
        };
        let target = first.path();
        // The time of a tree was set with its first name.
        let mtime = match self.clamp.filter(|_| self.is_in_use) {
            Some(clamp) => clamp.clamped(mtime_of(stat)).unwrap_or(mtime_of(stat)),
            None => mtime_of(stat),
        };
        let mtime = mtime.tv_sec;
        self.entry(&Entry {
            target,
            ..self.entry_of(Kind::HardLink, &self.path, stat, mtime)
        })?;
        Ok(true)
    }

    /// The name of the entry at hand, and those of the directories that it is in.
    fn name(&mut self) -> Name {
        let mut parent: Option<Rc<Name>> = None;
        let mut start = 0;
        for frame in &mut self.frames {
            if frame.path > 0 {
                let name = frame.name.get_or_insert_with(|| {
                    Rc::new(Name {
                        parent: parent.clone(),
                        name: self.path[start..frame.path].into(),
                    })
                });
                parent = Some(Rc::clone(name));
                start = frame.path + 1;
            }
        }
        Name {
            parent,
            name: self.path[start..].into(),
        }
    }

    /// Enters a directory, of which these changes are packed, or everything.
    fn push(&mut self, dir: OwnedFd, changes: Option<Changes>) -> Result<(), PackError> {
        let names = match changes {
            Some(Changes(changes)) => {
                let items = changes
                    .into_iter()
                    .map(|(name, change)| (name, Item::Change(change)));
                items.collect::<Vec<_>>().into_iter()
            }
            None => self.read_names(&dir)?,
        };
        self.frames.push(Frame {
            dir,
            names,
            path: self.path.len(),
            name: None,
        });
        Ok(())
    }

    /// The names in a directory in the order of their bytes. Each is an entry that is still to come, as are the
    /// names that wait in the directories above.
    fn read_names(&self, dir: &OwnedFd) -> Result<vec::IntoIter<(CString, Item)>, PackError> {
        let mut buffer = Vec::with_capacity(NAMES);
        let mut listing = RawDir::new(dir, buffer.spare_capacity_mut());
        let waiting: u64 = self.frames.iter().map(|f| f.names.len() as u64).sum();
        let taken = self.layer.written().entries.saturating_add(waiting);
        let left = self.limits.entries.saturating_sub(taken);
        let mut names = Vec::new();
        while let Some(entry) = listing.next() {
            let entry = entry.map_err(|err| self.unreadable(err))?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            if names.len() as u64 >= left {
                return Err(self.fault(PackFault::Entries(self.limits.entries)));
            }
            let item = Item::Whole(entry.file_type());
            names.push((entry.file_name().to_owned(), item));
            if listing.is_buffer_empty() {
                (self.check)().map_err(PackError::Stopped)?;
            }
        }
        names.sort_unstable_by(|(a, _): &(CString, _), (b, _)| a.cmp(b));
        Ok(names.into_iter())
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

    fn attributes(&mut self, fd: &OwnedFd) -> Result<Attributes, PackError> {
        let found = self.xattrs.read(fd.as_fd());
        let mut found = found.map_err(|err| self.unreadable(err))?;
        if let Some(mark) = found.mark.take() {
            return Err(self.fault(PackFault::Mark(mark)));
        }
        if found.is_too_large {
            return Err(self.fault(PackFault::Attributes(MOST_IN_ENTRY)));
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
        if let Some(given) = self.given {
            return Ok(given.mtime);
        }
        let clamp = if self.is_own {
            self.clamp
        } else {
            self.kept_clamp
        };
        let Some(clamped) = clamp.and_then(|clamp| clamp.clamped(mtime)) else {
            return Ok(mtime.tv_sec);
        };
        if self.is_in_use {
            return Ok(clamped.tv_sec);
        }
        let touched = touch(clamped).map_err(|err| PackError::Clamp {
            path: self.shown(),
            source: err.into(),
        });
        touched.map(|()| clamped.tv_sec)
    }

    /// Writes an entry, whose contents must follow, unless it exceeds the limits.
    fn entry(&mut self, entry: &Entry) -> Result<(), PackError> {
        self.layer.begin(entry).map_err(PackError::Write)?;
        let Limits { bytes, entries, .. } = *self.limits;
        if self.layer.written().entries > entries {
            return Err(self.fault(PackFault::Entries(entries)));
        }
        if self.layer.length() > bytes {
            return Err(self.fault(PackFault::Bytes(bytes)));
        }
        Ok(())
    }

    /// Returns an entry without contents and extended attributes.
    fn entry_of(&self, kind: Kind, name: &[u8], stat: &Stat, mtime: i64) -> Entry {
        let is_replaced = |owner: &OwnerReplacement| {
            let is_of_process = self.is_own && owner.uid == stat.st_uid;
            is_of_process && (owner.uid != owner.by.uid || owner.gid == stat.st_gid)
        };
        let replaced = self.owner.filter(is_replaced);
        let (mode, uid, gid) = match (self.given, replaced) {
            (Some(given), _) => (given.mode, given.uid, given.gid),
            (None, Some(owner)) => (stat.st_mode, owner.by.uid, owner.by.gid),
            (None, None) => (stat.st_mode, stat.st_uid, stat.st_gid),
        };
        Entry {
            mode: mode & 0o7777,
            uid,
            gid,
            mtime: Time::whole(mtime),
            ..Entry::new(kind, name)
        }
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

/// An empty file of root's that means something by its name. It has no time, so that it is the same in every
/// archive, and the permissions that it has in archives of Docker's.
fn mark(name: &[u8], mode: u32) -> Entry {
    Entry {
        mode,
        ..Entry::new(Kind::File, name)
    }
}

fn mtime_of(stat: &Stat) -> Timespec {
    Timespec {
        tv_sec: stat.st_mtime,
        tv_nsec: stat.st_mtime_nsec.cast_signed(),
    }
}
