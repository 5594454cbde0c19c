//! A directory that is opened once.

use std::{
    fs::File,
    io::{self, ErrorKind},
    path::{Component, Path, PathBuf},
};

use cap_fs_ext::OpenOptionsSyncExt as _;
use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions},
};

use crate::ignore::Filter;

/// An open directory, and the path that messages show for it.
///
/// Everything below it is reached through the handle. It stays the same directory when another one is put in its
/// place, and no link leads out of it.
#[derive(Debug)]
pub struct OpenDir {
    dir: Dir,
    path: PathBuf,
    outer: Option<Outer>,
}

/// The tree that a directory is a part of. Links in the directory may lead to the rest of it.
#[derive(Debug)]
pub(crate) struct Outer {
    pub(crate) dir: Dir,
    /// The path of the directory in it, without links.
    pub(crate) part: PathBuf,
    /// The paths in it that no link leads to.
    pub(crate) filter: Filter,
}

impl OpenDir {
    /// Opens the directory at a path. Links in the path are followed.
    ///
    /// # Errors
    /// Errors of the file system, [`ErrorKind::NotADirectory`] for another kind of file.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let dir = Dir::open_ambient_dir(&path, ambient_authority())?;
        Ok(Self::new(dir, path))
    }

    /// A directory that is open already, with the path for messages.
    pub fn new(dir: Dir, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            dir,
            path,
            outer: None,
        }
    }

    /// Opens a directory below this one as a part of it: archives and copies of it have the content of this directory
    /// in the place of links that lead there, except for what `filter` leaves out.
    ///
    /// # Errors
    /// Those of [`open_dir`](Self::open_dir).
    pub fn open_part(&self, path: &Path, filter: Filter) -> io::Result<Self> {
        let part = self.dir.canonicalize(path)?;
        let mut dir = self.open_dir(path)?;
        if part
            .components()
            .next()
            .is_some_and(|first| first != Component::CurDir)
        {
            let whole = self.dir.try_clone()?;
            dir.outer = Some(Outer {
                dir: whole,
                part,
                filter,
            });
        }
        Ok(dir)
    }

    pub(crate) fn outer(&self) -> Option<&Outer> {
        self.outer.as_ref()
    }

    /// The handle.
    #[must_use]
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// The path for messages. It may lead to another directory by now.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a directory below this one. Links are followed as long as they stay below it.
    ///
    /// # Errors
    /// Errors of the file system; see [`is_escape`] for a path that leads out of the directory.
    pub fn open_dir(&self, path: &Path) -> io::Result<Self> {
        Ok(Self {
            dir: self.dir.open_dir(path)?,
            path: self.path.join(path),
            outer: None,
        })
    }

    /// Opens a file below this directory for reading. Links are followed as long as they stay below it.
    ///
    /// # Errors
    /// Those of [`open_dir`](Self::open_dir); [`ErrorKind::InvalidInput`] if it is not a regular file. Opening a FIFO
    /// does not block.
    pub fn open_file(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).nonblock(true);
        let file = self.dir.open_with(path, &options)?;
        if file.metadata()?.is_file() {
            Ok(file.into_std())
        } else {
            Err(io::Error::new(
                ErrorKind::InvalidInput,
                "it is not a regular file",
            ))
        }
    }
}

/// Returns whether an error of [`OpenDir`] is about a path that leads out of the directory: the library's own, in
/// contrast to a permission that the system denies.
#[must_use]
pub fn is_escape(err: &io::Error) -> bool {
    err.kind() == ErrorKind::PermissionDenied && err.raw_os_error().is_none()
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn links_stay_below_the_directory() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::create_dir(temp.path().join("outside")).unwrap();
        fs::write(root.join("a/file"), "x").unwrap();
        symlink("a/b", root.join("inside")).unwrap();
        symlink("../outside", root.join("up")).unwrap();
        symlink(root.join("a"), root.join("absolute")).unwrap();
        symlink("/proc/self/root", root.join("magic")).unwrap();
        let dir = OpenDir::open(&root).unwrap();
        for (path, expected) in [
            ("a/b", Ok(())),
            ("inside", Ok(())),
            ("inside/../b", Ok(())),
            (".", Ok(())),
            ("up", Err(true)),
            ("..", Err(true)),
            ("a/../../outside", Err(true)),
            ("absolute", Err(true)),
            ("magic", Err(true)),
            ("nowhere", Err(false)),
            ("a/file", Err(false)),
        ] {
            let opened = dir.open_dir(Path::new(path)).map(drop);
            assert_eq!(opened.map_err(|err| is_escape(&err)), expected, "{path}");
        }
        assert!(dir.open_file("a/file").is_ok());
        let err = dir.open_file("a").unwrap_err();
        assert_eq!(err.kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn it_stays_the_same_directory_when_another_takes_its_place() {
        let temp = tempfile::tempdir().unwrap();
        for name in ["one", "two"] {
            fs::create_dir(temp.path().join(name)).unwrap();
            fs::write(temp.path().join(name).join("file"), name).unwrap();
        }
        let dir = OpenDir::open(temp.path().join("one")).unwrap();
        fs::rename(temp.path().join("one"), temp.path().join("away")).unwrap();
        symlink("two", temp.path().join("one")).unwrap();
        let text = io::read_to_string(dir.open_file("file").unwrap()).unwrap();
        assert_eq!(text, "one");
    }
}
