//! Injected files: they come before the script and go before the commit, and their content is searched for in
//! everything that the script has changed.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Write as _},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirBuilderExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
};

use cap_std::{ambient_authority, fs::Dir};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat, renameat, symlinkat};
use s2i_core::{
    Account, ContainerPath, ErrorChain,
    archive::{Entries, Entry, Kind, Limits, Rules},
    needles::{self, Needles},
    wire::{Answer, Failure, FailureKind, OrFailure as _, Trailer},
};

use crate::{
    account::give,
    input::{Archive, Frames},
};

/// An error of the archive or of a file.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The permissions of injected files and directories: the user of the script may read and change them, others may read
/// them.
const FILE_MODE: u32 = 0o644;
const PROGRAM_MODE: u32 = 0o755;
const DIRECTORY_MODE: u32 = 0o755;

/// All files that were injected.
#[derive(Default)]
pub(crate) struct Injections {
    places: Vec<Place>,
    needles: Needles,
    /// The number of files of the image that were moved aside.
    aside: usize,
}

/// A directory that files were injected into. It is reached through its handle: the script may put a link in its place.
struct Place {
    dir: Dir,
    path: PathBuf,
    is_new: bool,
    /// The new files and links, relative to the directory.
    files: Vec<PathBuf>,
    /// The new directories, the outermost first.
    dirs: Vec<PathBuf>,
    /// The files of the image: the name that they have meanwhile, and their own.
    aside: Vec<(PathBuf, PathBuf)>,
}

impl Injections {
    /// Puts the files of the archive that follows the request into a directory, for `account`.
    pub(crate) fn inject(
        &mut self,
        into: &ContainerPath,
        account: &Account,
        frames: &mut Frames,
    ) -> Result<Answer, Failure> {
        let mut archive = Archive::new(frames);
        let place = Place::open(Path::new(into.as_str()), account)?;
        // It is known before the first file comes, so that a failure leaves nothing that is not removed.
        self.places.push(place);
        let entries = self.unpack(into, account, &mut archive)?;
        Ok(Answer::Unpacked(Trailer {
            bytes: archive.bytes,
            entries,
        }))
    }

    fn unpack(
        &mut self,
        into: &ContainerPath,
        account: &Account,
        archive: &mut Archive<'_>,
    ) -> Result<u64, Failure> {
        let refused = |err: &dyn std::error::Error| {
            let message = format!("can't inject into `{into}`: {}", ErrorChain(err));
            Failure::new(FailureKind::BadArchive, message)
        };
        let limits = Limits::default();
        let mut entries = Entries::new(archive, &Rules::TREE, &limits);
        let mut count = 0;
        while let Some(entry) = entries.next_entry().map_err(|err| refused(&err))? {
            count += 1;
            let parts = Rules::TREE.components(&entry.name, &limits);
            let path: PathBuf = parts.map_err(|err| refused(&err))?.iter().collect();
            let place = self.places.last_mut().expect("the place was opened");
            let shown = place.path.join(&path);
            let operation = format!("can't inject `{}`", shown.display());
            match entry.kind {
                Kind::Directory => place.directory(&path, account).or_failure(&operation)?,
                Kind::Symlink => {
                    place.make_way(&path, &mut self.aside)?;
                    place.link(&path, &entry, account).or_failure(&operation)?;
                }
                _ => {
                    place.make_way(&path, &mut self.aside)?;
                    let mut file = place.file(&path, &entry, account).or_failure(&operation)?;
                    let mut beginning = Vec::new();
                    let written = entries.contents(&entry, |_, piece| {
                        keep_beginning(&mut beginning, piece);
                        Ok::<_, BoxError>(file.write_all(piece)?)
                    });
                    written.map_err(|err| refused(&*err))?;
                    self.needles.add(&shown.display().to_string(), &beginning);
                }
            }
        }
        Ok(count)
    }

    /// Returns the contents to search for.
    pub(crate) fn needles(&self) -> &Needles {
        &self.needles
    }

    /// Removes the files, wherever the script has moved their directories, and the new directories that are empty.
    pub(crate) fn remove(&mut self) -> Result<(), Failure> {
        while let Some(place) = self.places.pop() {
            place.remove()?;
        }
        Ok(())
    }
}

/// Keeps the beginning of a content, without white space at its start.
fn keep_beginning(beginning: &mut Vec<u8>, piece: &[u8]) {
    let piece = if beginning.is_empty() {
        piece.trim_ascii_start()
    } else {
        piece
    };
    let room = needles::LONGEST - beginning.len();
    beginning.extend(&piece[..piece.len().min(room)]);
}

impl Place {
    fn open(path: &Path, account: &Account) -> Result<Self, Failure> {
        let shown = path.display();
        let refuse = |why: &str| {
            let message = format!("can't inject into `{shown}`: {why}");
            Failure::new(FailureKind::Injection, message)
        };
        let is_new = !path.exists();
        if is_new {
            if !path.parent().is_some_and(Path::is_dir) {
                return Err(refuse("the directory above it does not exist"));
            }
            let make = || {
                fs::DirBuilder::new().mode(DIRECTORY_MODE).create(path)?;
                give(&CWD, path, account)
            };
            make().or_failure(format_args!("can't make `{shown}`"))?;
        } else if !path.is_dir() {
            return Err(refuse("it is not a directory"));
        }
        let dir = Dir::open_ambient_dir(path, ambient_authority());
        Ok(Self {
            dir: dir.or_failure(format_args!("can't open `{shown}`"))?,
            path: path.into(),
            is_new,
            files: Vec::new(),
            dirs: Vec::new(),
            aside: Vec::new(),
        })
    }

    /// Opens the directory that an entry is in, and returns the last component of its name.
    fn parent<'p>(&self, path: &'p Path) -> io::Result<(Dir, &'p OsStr)> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let parent = match path.parent() {
            Some(parent) if parent != Path::new("") => self.dir.open_dir(parent)?,
            _ => self.dir.try_clone()?,
        };
        Ok((parent, name))
    }

    /// Moves a file of the image aside.
    fn make_way(&mut self, path: &Path, number: &mut usize) -> Result<(), Failure> {
        let shown = self.path.join(path);
        let shown = shown.display();
        let Ok(metadata) = self.dir.symlink_metadata(path) else {
            return Ok(());
        };
        if metadata.is_dir() {
            let message = format!("can't inject `{shown}`: the image has a directory there");
            return Err(Failure::new(FailureKind::Injection, message));
        }
        if self.files.iter().any(|file| file == path) {
            return self
                .dir
                .remove_file(path)
                .or_failure(format_args!("can't replace `{shown}`"));
        }
        let aside = path.with_file_name(format!(".s2i-aside-{number}"));
        *number += 1;
        let moved = self.dir.rename(path, &self.dir, &aside);
        moved.or_failure(format_args!("can't move `{shown}` aside"))?;
        self.aside.push((aside, path.to_owned()));
        Ok(())
    }

    fn directory(&mut self, path: &Path, account: &Account) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        if parent.open_dir(name).is_ok() {
            return Ok(());
        }
        mkdirat(&parent, name, Mode::from_raw_mode(DIRECTORY_MODE))?;
        self.dirs.push(path.to_owned());
        give(&parent, Path::new(name), account)
    }

    fn link(&mut self, path: &Path, entry: &Entry, account: &Account) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        symlinkat(OsStr::from_bytes(&entry.target), &parent, name)?;
        self.files.push(path.to_owned());
        give(&parent, Path::new(name), account)
    }

    fn file(&mut self, path: &Path, entry: &Entry, account: &Account) -> io::Result<File> {
        let (parent, name) = self.parent(path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = if entry.mode & 0o111 == 0 {
            FILE_MODE
        } else {
            PROGRAM_MODE
        };
        let file = openat(&parent, name, flags, Mode::from_raw_mode(mode))?;
        self.files.push(path.to_owned());
        let file = File::from(file);
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        give(&parent, Path::new(name), account)?;
        Ok(file)
    }

    fn remove(self) -> Result<(), Failure> {
        for file in self.files.iter().rev() {
            let operation = format!("can't remove `{}`", self.path.join(file).display());
            match self.dir.symlink_metadata(file) {
                // The script has put a directory of its own there.
                Ok(metadata) if metadata.is_dir() => {}
                Ok(_) => self.dir.remove_file(file).or_failure(&operation)?,
                Err(_) => {}
            }
        }
        for (aside, path) in self.aside.iter().rev() {
            let is_kept = self.dir.symlink_metadata(aside).is_ok();
            if is_kept {
                let back = self.parent(path).and_then(|(parent, name)| {
                    let aside = aside.file_name().unwrap_or_default();
                    Ok(renameat(&parent, aside, &parent, name)?)
                });
                let shown = self.path.join(path);
                back.or_failure(format_args!("can't put `{}` back", shown.display()))?;
            }
        }
        // Those that are not empty stay.
        let dirs = self.dirs.iter().rev();
        dirs.for_each(|dir| drop(self.dir.remove_dir(dir)));
        if self.is_new {
            let _ = fs::remove_dir(&self.path);
        }
        Ok(())
    }
}

/// Returns the name of an injected file whose content is in this file, in its name, or in the target of this link.
pub(crate) fn find(
    needles: &Needles,
    path: &Path,
    metadata: &fs::Metadata,
) -> io::Result<Option<String>> {
    let name = path.as_os_str().as_bytes();
    if let Some(found) = needles.find(name) {
        return Ok(Some(found.into()));
    }
    if metadata.is_symlink() {
        let target = fs::read_link(path)?;
        return Ok(needles
            .find(target.as_os_str().as_bytes())
            .map(str::to_owned));
    }
    if !metadata.is_file() {
        return Ok(None);
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    Ok(needles.find_in(&mut file)?.map(str::to_owned))
}
