//! Removes trees from untrusted sources.
//!
//! No link is followed, no mount point is entered (not even one that a killed build left behind), and no depth is too
//! much: deep directories are moved up before they are removed.

use std::{
    ffi::{CStr, CString, OsStr},
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
    rc::Rc,
};

use rustix::{
    fs::{AtFlags, CWD, Dir, Mode, OFlags, ResolveFlags, openat, openat2, renameat, unlinkat},
    io::Errno,
};

use super::{
    disk,
    error::{StoreError, disk_error},
};

/// The number of directories that may be open at once.
const DEPTH: usize = 64;

/// The number of passes in a row in which a directory that is not empty may list no entry. Other processes that remove
/// the same tree also move directories up, even between a listing and the removal.
const FRUITLESS: u32 = 100;

/// Removes the file, link or directory at this path, if it exists, with everything in it. Another process may remove
/// the same tree at the same time.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    disk::step(disk::Change::Removes).map_err(disk_error("remove", path))?;
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(disk_error("remove", path)(
            io::ErrorKind::InvalidInput.into(),
        ));
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = match openat(CWD, parent, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        opened => opened.map_err(|err| disk_error("remove", path)(err.into()))?,
    };
    let mut removal = Removal {
        frames: Vec::new(),
        path: parent.into(),
        moved: 0,
        mark: disk::random_name(),
    };
    let name = CString::new(name.as_bytes()).expect("paths that were used have no NUL");
    let removed = removal.run(&opened, &name);
    removed.map_err(|err| disk_error("remove", &removal.path)(err.into()))
}

/// A directory that is being emptied.
struct Frame {
    name: CString,
    fd: Rc<OwnedFd>,
    entries: Dir,
    /// The number of passes in a row without an entry, this one included until it finds one.
    fruitless: u32,
}

struct Removal {
    /// The open directories, from the top down.
    frames: Vec<Frame>,
    /// The path that is being removed, for messages.
    path: PathBuf,
    /// The number of directories that were moved up.
    moved: u64,
    /// The prefix of the names of directories that were moved up; no name in the tree starts with it.
    mark: String,
}

impl Removal {
    fn run(&mut self, parent: &OwnedFd, name: &CStr) -> Result<(), Errno> {
        self.take(parent, name)?;
        while let Some(frame) = self.frames.last_mut() {
            let next = match frame.entries.read() {
                Some(entry) => Some(entry?.file_name().to_owned()),
                None => None,
            };
            match next {
                Some(name) if matches!(name.to_bytes(), b"." | b"..") => {}
                Some(name) => {
                    frame.fruitless = 0;
                    let fd = Rc::clone(&frame.fd);
                    self.take(&fd, &name)?;
                }
                None => self.leave(parent)?,
            }
        }
        Ok(())
    }

    /// Removes the entry, or goes into it if it is a directory.
    fn take(&mut self, parent: &OwnedFd, name: &CStr) -> Result<(), Errno> {
        self.path.push(OsStr::from_bytes(name.to_bytes()));
        match unlinkat(parent, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {
                self.path.pop();
                return Ok(());
            }
            Err(Errno::ISDIR) => {}
            Err(err) => return Err(err),
        }
        if self.frames.len() >= DEPTH {
            let top = &self.frames[0].fd;
            let new = format!("{}-{}", self.mark, self.moved);
            self.moved += 1;
            match renameat(parent, name, top, new) {
                Ok(()) | Err(Errno::NOENT) => {
                    self.path.pop();
                    return Ok(());
                }
                Err(err) => return Err(err),
            }
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
        match openat2(parent, name, flags, Mode::empty(), resolve) {
            Ok(fd) => {
                let entries = Dir::read_from(&fd)?;
                self.frames.push(Frame {
                    name: name.to_owned(),
                    fd: Rc::new(fd),
                    entries,
                    fruitless: 1,
                });
            }
            Err(Errno::NOENT) => {
                self.path.pop();
            }
            Err(err) => return Err(err),
        }
        Ok(())
    }

    /// Removes the directory that was emptied. Directories that were moved up into it meanwhile, and entries that the
    /// file system did not list because the directory changed, are removed in another pass.
    fn leave(&mut self, root: &OwnedFd) -> Result<(), Errno> {
        let Some(mut frame) = self.frames.pop() else {
            return Ok(());
        };
        let parent = self.frames.last().map_or(root, |frame| &*frame.fd);
        match unlinkat(parent, &frame.name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => {
                self.path.pop();
                Ok(())
            }
            Err(Errno::NOTEMPTY | Errno::EXIST) if frame.fruitless < FRUITLESS => {
                frame.fruitless += 1;
                frame.entries = Dir::read_from(&frame.fd)?;
                self.frames.push(frame);
                Ok(())
            }
            Err(err) => Err(err),
        }
    }
}
