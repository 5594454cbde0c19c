//! Makes files below one directory handle and never goes through a link.
//!
//! Every operation takes one component and the handle of the directory that it is in. The handles of
//! the directories above the last entry stay open, so that entries in order cost no walk each.

use std::{
    ffi::{OsStr, OsString},
    fs::{File, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::PermissionsExt as _,
    time::SystemTime,
};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{
    Dir, DirBuilder, DirBuilderExt as _, Metadata, MetadataExt as _, OpenOptions,
    OpenOptionsExt as _,
};

use super::{EntryFault, UnpackError, entry::Entry, grammar::shown, name::shown_path, walk};

/// The mode of directories that the archive has no entry for.
const IMPLIED_MODE: u32 = 0o755;

/// The permissions that the owner needs while a directory is filled.
const FILLING: u32 = 0o700;

/// An entry, and its path below the directory.
pub(super) struct EntryPath<'e> {
    pub(super) entry: &'e Entry,
    pub(super) parents: &'e [&'e OsStr],
    pub(super) name: &'e OsStr,
}

impl EntryPath<'_> {
    /// The error for a failure of the file system.
    pub(super) fn failed(&self, source: io::Error) -> UnpackError {
        UnpackError::Write {
            entry: shown(&self.entry.name),
            source,
        }
    }
}

/// The directory, and the ones below it that are being filled.
pub(super) struct Extractor<'a> {
    root: &'a Dir,
    levels: Vec<Level>,
}

/// A directory that is being filled.
struct Level {
    name: OsString,
    dir: Dir,
    after: After,
}

/// The attributes that a directory gets once it is filled.
struct After {
    mode: Option<u32>,
    modified: Option<SystemTime>,
    /// True if the directory existed before and only gets its attributes back. That may fail: it may belong to another
    /// user.
    is_found: bool,
}

impl<'a> Extractor<'a> {
    pub(super) fn new(root: &'a Dir) -> Self {
        Self {
            root,
            levels: Vec::new(),
        }
    }

    /// Makes a directory, or takes the one that is there.
    pub(super) fn directory(
        &mut self,
        path: &EntryPath<'_>,
        mode: u32,
        modified: Option<SystemTime>,
    ) -> Result<(), UnpackError> {
        let parent = self.enter(path)?;
        let dir = match kind_of(parent, path.name).map_err(|err| path.failed(err))? {
            Some(found) if found.is_dir() => open_found(parent, path.name, &found),
            Some(_) => parent
                .remove_file(path.name)
                .and_then(|()| make_directory(parent, path.name)),
            None => make_directory(parent, path.name),
        };
        let dir = dir.map_err(|err| path.failed(err))?;
        self.levels.push(Level {
            name: path.name.into(),
            dir,
            after: After {
                mode: Some(mode),
                modified,
                is_found: false,
            },
        });
        Ok(())
    }

    /// Makes an empty file with this mode.
    pub(super) fn file(&mut self, path: &EntryPath<'_>, mode: u32) -> Result<File, UnpackError> {
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create_new(true)
            .follow(FollowSymlinks::No)
            .mode(mode);
        let file = self.replace(path, |dir, name| dir.open_with(name, &options))?;
        let meta = file.metadata().map_err(|err| path.failed(err))?;
        let file = file.into_std();
        // The process's umask removed bits. Checking first costs a tenth of setting the mode every time.
        if mode_of(&meta) != mode {
            set_mode(&file, mode).map_err(|err| path.failed(err))?;
        }
        Ok(file)
    }

    /// Makes a symbolic link, wherever it leads.
    pub(super) fn symlink(
        &mut self,
        path: &EntryPath<'_>,
        target: &OsStr,
    ) -> Result<(), UnpackError> {
        self.replace(path, |dir, name| dir.symlink_contents(target, name))
    }

    /// Makes a hard link to a regular file that is there already.
    pub(super) fn hard_link(
        &mut self,
        path: &EntryPath<'_>,
        target: &[&OsStr],
    ) -> Result<(), UnpackError> {
        let failed = |err| path.failed(err);
        let refuse = |fault: fn(String) -> EntryFault| -> Result<(), UnpackError> {
            Err(path.entry.refuse(fault(shown_path(target))).into())
        };
        let Some((name, parents)) = target.split_last() else {
            return refuse(EntryFault::TargetNotFile);
        };
        let mut source = self.root.try_clone().map_err(failed)?;
        for parent in parents {
            match kind_of(&source, parent).map_err(failed)? {
                Some(found) if found.is_dir() => {}
                Some(_) => return refuse(EntryFault::TargetNotFile),
                None => return refuse(EntryFault::TargetMissing),
            }
            source = open_directory(&source, parent).map_err(failed)?;
        }
        match kind_of(&source, name).map_err(failed)? {
            Some(found) if found.is_file() => {}
            Some(_) => return refuse(EntryFault::TargetNotFile),
            None => return refuse(EntryFault::TargetMissing),
        }
        self.replace(path, |dir, to| source.hard_link(name, dir, to))
    }

    /// Creates a file that must not exist; an existing file is removed first, unless it is a directory.
    fn replace<T>(
        &mut self,
        path: &EntryPath<'_>,
        make: impl Fn(&Dir, &OsStr) -> io::Result<T>,
    ) -> Result<T, UnpackError> {
        let parent = self.enter(path)?;
        let result = match make(parent, path.name) {
            Err(err) if err.kind() == ErrorKind::AlreadyExists => {
                let found = kind_of(parent, path.name).map_err(|err| path.failed(err))?;
                if found.is_some_and(|found| found.is_dir()) {
                    return Err(path.entry.refuse(EntryFault::OnDirectory).into());
                }
                parent
                    .remove_file(path.name)
                    .and_then(|()| make(parent, path.name))
            }
            other => other,
        };
        result.map_err(|err| path.failed(err))
    }

    /// Opens the directory of an entry, creating missing directories.
    fn enter(&mut self, path: &EntryPath<'_>) -> Result<&Dir, UnpackError> {
        let levels = self.levels.iter().map(|level| level.name.as_os_str());
        let common = levels
            .zip(path.parents)
            .take_while(|(level, parent)| level == *parent)
            .count();
        self.leave(common)?;
        for depth in common..path.parents.len() {
            let level = self.descend(path, depth)?;
            self.levels.push(level);
        }
        Ok(self.current())
    }

    fn current(&self) -> &Dir {
        self.levels.last().map_or(self.root, |level| &level.dir)
    }

    /// Opens or makes the parent at this depth.
    fn descend(&self, path: &EntryPath<'_>, depth: usize) -> Result<Level, UnpackError> {
        let (name, above) = (path.parents[depth], self.current());
        let failed = |err| path.failed(err);
        let parent = || shown_path(&path.parents[..=depth]);
        let (dir, after) = match kind_of(above, name).map_err(failed)? {
            Some(found) if found.is_symlink() => {
                return Err(path.entry.refuse(EntryFault::BelowLink(parent())).into());
            }
            Some(found) if !found.is_dir() => {
                return Err(path.entry.refuse(EntryFault::BelowFile(parent())).into());
            }
            Some(found) => {
                let modified = found.modified().ok();
                let after = After {
                    mode: Some(mode_of(&found)).filter(|mode| mode & FILLING != FILLING),
                    modified: modified.map(cap_std::time::SystemTime::into_std),
                    is_found: true,
                };
                (open_found(above, name, &found), after)
            }
            None => {
                let after = After {
                    mode: Some(IMPLIED_MODE),
                    modified: None,
                    is_found: false,
                };
                (make_directory(above, name), after)
            }
        };
        Ok(Level {
            name: name.into(),
            dir: dir.map_err(failed)?,
            after,
        })
    }

    /// Finishes the directories below this depth.
    pub(super) fn leave(&mut self, depth: usize) -> Result<(), UnpackError> {
        while self.levels.len() > depth {
            let names = self.levels.iter().map(|level| level.name.as_os_str());
            let entry = shown_path(&names.collect::<Vec<_>>());
            let Some(Level { dir, after, .. }) = self.levels.pop() else {
                break;
            };
            match finish(&dir.into_std_file(), &after) {
                Err(source) if !after.is_found => return Err(UnpackError::Write { entry, source }),
                _ => {}
            }
        }
        Ok(())
    }
}

fn finish(dir: &File, after: &After) -> io::Result<()> {
    if let Some(mode) = after.mode {
        set_mode(dir, mode)?;
    }
    let set = |modified| dir.set_modified(modified);
    after.modified.map_or(Ok(()), set)
}

/// The metadata of the existing entry itself, not of a link's target.
fn kind_of(dir: &Dir, name: &OsStr) -> io::Result<Option<Metadata>> {
    match dir.symlink_metadata(name) {
        Ok(found) => Ok(Some(found)),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err),
    }
}

/// Opens a directory in such a way that its mode and times can be set. Fails on everything else.
fn open_directory(dir: &Dir, name: &OsStr) -> io::Result<Dir> {
    let (file, metadata) = walk::open(dir, name)?;
    if metadata.is_dir() {
        Ok(Dir::from_std_file(file.into_std()))
    } else {
        Err(ErrorKind::NotADirectory.into())
    }
}

/// Opens a directory that was there, and lets its owner fill it.
fn open_found(dir: &Dir, name: &OsStr, found: &Metadata) -> io::Result<Dir> {
    let dir = open_directory(dir, name)?.into_std_file();
    let mode = mode_of(found);
    if mode & FILLING != FILLING {
        // Where this fails, creating the first file fails too, with a better error.
        let _ = set_mode(&dir, mode | FILLING);
    }
    Ok(Dir::from_std_file(dir))
}

/// Makes a directory for the owner alone.
fn make_directory(dir: &Dir, name: &OsStr) -> io::Result<Dir> {
    let mut builder = DirBuilder::new();
    dir.create_dir_with(name, builder.mode(FILLING))?;
    open_directory(dir, name)
}

fn mode_of(found: &Metadata) -> u32 {
    found.mode() & 0o7777
}

/// Sets the mode through a handle.
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
}
