//! The distinction between plain directories and Git repositories.

use std::{
    ffi::OsStr,
    fs::OpenOptions,
    io::{self, ErrorKind},
    os::{
        fd::AsRawFd as _,
        unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;
use s2i_core::{OpenDir, bounds};

use super::SourceError;

/// The maximal number of entries of `refs` that are inspected.
const MAX_REFS: usize = 100_000;

/// The kind of a directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A directory of plain files.
    Plain,
    /// A work tree or a bare repository, with Git's own directory.
    Repository(PathBuf),
}

/// Returns a path of an open directory for this process and for programs that it starts there. It stays valid when
/// the usual path is replaced.
pub(super) fn handle_path(dir: &OpenDir) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", dir.dir().as_raw_fd()))
}

/// Returns the kind of the directory itself; its parents are ignored.
///
/// # Errors
/// [`SourceError::Io`] for a `.git` file that can't be read.
pub(super) fn kind_of(dir: &OpenDir) -> Result<Kind, SourceError> {
    let path = handle_path(dir);
    let dot_git = path.join(".git");
    if dot_git.is_dir() {
        return Ok(Kind::Repository(dot_git));
    }
    if dot_git.is_file() {
        let found = git_file(&path, &dot_git);
        let found = found.map_err(SourceError::io("read", dir.path().join(".git")))?;
        return Ok(found.map_or(Kind::Plain, Kind::Repository));
    }
    let is_bare =
        path.join("HEAD").is_file() && path.join("objects").is_dir() && path.join("refs").is_dir();
    Ok(if is_bare {
        Kind::Repository(path)
    } else {
        Kind::Plain
    })
}

/// Returns the target of the `.git` file of a submodule or linked work tree.
fn git_file(path: &Path, file: &Path) -> io::Result<Option<PathBuf>> {
    let bytes = read_small(file)?.unwrap_or_default();
    let target = bytes.strip_prefix(b"gitdir: ").map(path_of);
    let target = target.map(|target| path.join(target));
    Ok(target.filter(|target| target.is_dir()))
}

/// Returns the common directory of a Git directory, as that of a linked work tree has one, or the directory itself.
///
/// # Errors
/// [`SourceError::Io`] for a file `commondir` that can't be read.
pub(super) fn common_dir(git_dir: &Path) -> Result<PathBuf, SourceError> {
    let file = git_dir.join("commondir");
    let named = read_small(&file).map_err(SourceError::io("read", &file))?;
    Ok(named.map_or_else(|| git_dir.into(), |named| git_dir.join(path_of(&named))))
}

/// Returns the path that a file of Git's own contains. Like Git, it removes line ends after the path, but not blanks.
fn path_of(bytes: &[u8]) -> &Path {
    let end = bytes.iter().rposition(|byte| !b"\r\n".contains(byte));
    Path::new(OsStr::from_bytes(&bytes[..end.map_or(0, |last| last + 1)]))
}

/// Reads a small file of Git's own, as [`read_bounded`].
pub(super) fn read_small(path: &Path) -> io::Result<Option<Vec<u8>>> {
    read_bounded(path, bounds::FILE)
}

/// Reads a file of Git's own; `None` where there is none. The call does not wait for a FIFO.
///
/// # Errors
/// Errors of the file system; [`ErrorKind::InvalidInput`] for all but regular files, [`ErrorKind::FileTooLarge`]
/// for more than `most` bytes, [`ErrorKind::InvalidData`] for a NUL byte, where Git would stop.
pub(super) fn read_bounded(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut options = OpenOptions::new();
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    options.read(true).custom_flags(flags.bits().cast_signed());
    let file = match options.open(path) {
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    if !file.metadata()?.is_file() {
        let text = "it is not a regular file";
        return Err(io::Error::new(ErrorKind::InvalidInput, text));
    }
    let bytes = bounds::read(file, most)?;
    if bytes.contains(&0) {
        let text = "there is a NUL byte in it";
        return Err(io::Error::new(ErrorKind::InvalidData, text));
    }
    Ok(Some(bytes))
}

/// Returns whether a repository has no commit: no entries in `refs`, no packed refs, and none that is checked out by
/// itself.
pub(super) fn is_empty_repository(git_dir: &Path) -> bool {
    let head = read_small(&git_dir.join("HEAD")).unwrap_or_default();
    let is_detached = head.is_some_and(|head| !head.starts_with(b"ref:"));
    // A linked work tree keeps its refs in the main repository.
    !is_detached
        && !git_dir.join("commondir").exists()
        && !git_dir.join("packed-refs").exists()
        && !may_hold_a_file(git_dir.join("refs"), MAX_REFS)
}

/// Returns whether there is a file below a directory, or more than `most` entries.
fn may_hold_a_file(dir: PathBuf, most: usize) -> bool {
    let (mut waiting, mut seen) = (vec![dir], 0);
    while let Some(dir) = waiting.pop() {
        let entries = std::fs::read_dir(dir).into_iter().flatten();
        for entry in entries.flatten() {
            seen += 1;
            match entry.file_type() {
                _ if seen > most => return true,
                Ok(kind) if kind.is_dir() => waiting.push(entry.path()),
                Ok(_) => return true,
                Err(_) => {}
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_for_a_file_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a/b", "c"] {
            std::fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        assert!(!may_hold_a_file(dir.path().into(), 3));
        assert!(may_hold_a_file(dir.path().into(), 2));
        std::fs::write(dir.path().join("a/b/file"), "").unwrap();
        assert!(may_hold_a_file(dir.path().into(), 4));
    }
}
