//! Telling plain directories from Git repositories.

use std::{
    io::{self, Read as _},
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
};

use s2i_core::OpenDir;

/// The most bytes that are read of a file in Git's own directory.
const SMALL: u64 = 64 << 10;

/// What a directory is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Files.
    Plain,
    /// A work tree or a bare repository, with Git's own directory.
    Repository(PathBuf),
}

/// The path of an open directory for this process and for what it starts there, whatever its usual path leads to by
/// now.
pub(super) fn handle_path(dir: &OpenDir) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", dir.dir().as_raw_fd()))
}

/// Looks whether the directory itself is a repository; directories above it do not count.
pub(super) fn kind_of(dir: &OpenDir) -> Kind {
    let path = handle_path(dir);
    let dot_git = path.join(".git");
    if dot_git.is_dir() {
        return Kind::Repository(dot_git);
    }
    if dot_git.is_file() {
        return git_file(&path, &dot_git).map_or(Kind::Plain, Kind::Repository);
    }
    let is_bare =
        path.join("HEAD").is_file() && path.join("objects").is_dir() && path.join("refs").is_dir();
    if is_bare {
        Kind::Repository(path)
    } else {
        Kind::Plain
    }
}

/// Where the `.git` file of a submodule or linked work tree points.
fn git_file(path: &Path, file: &Path) -> Option<PathBuf> {
    let text = read_small(file).ok()?;
    let target = path.join(text.strip_prefix("gitdir:")?.trim());
    target.is_dir().then_some(target)
}

/// Reads a text file of Git's own.
pub(super) fn read_small(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(file)?;
    file.take(SMALL).read_to_string(&mut text)?;
    Ok(text)
}

/// Whether a repository has no commit: nothing in `refs`, and no packed ones.
pub(super) fn is_empty_repository(git_dir: &Path) -> bool {
    // A linked work tree keeps its refs in the main repository.
    !git_dir.join("commondir").exists()
        && !git_dir.join("packed-refs").exists()
        && !holds_a_file(git_dir.join("refs"))
}

fn holds_a_file(dir: PathBuf) -> bool {
    let mut waiting = vec![dir];
    while let Some(dir) = waiting.pop() {
        let entries = std::fs::read_dir(dir).into_iter().flatten();
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => waiting.push(entry.path()),
                Ok(_) => return true,
                Err(_) => {}
            }
        }
    }
    false
}
