//! Telling plain directories from Git repositories.

use std::path::{Path, PathBuf};

use super::SourceError;

/// What a directory is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Files.
    Plain,
    /// A work tree or a bare repository, with Git's own directory.
    Repository(PathBuf),
}

/// Looks whether the directory itself is a repository; directories above it do not count.
pub(super) fn kind_of(path: &Path) -> Result<Kind, SourceError> {
    let Ok(metadata) = path.metadata() else {
        return Err(SourceError::Missing { path: path.into() });
    };
    if !metadata.is_dir() {
        return Err(SourceError::NotADirectory { path: path.into() });
    }
    let dot_git = path.join(".git");
    if dot_git.is_dir() {
        return Ok(Kind::Repository(dot_git));
    }
    if dot_git.is_file() {
        return Ok(git_file(path, &dot_git).map_or(Kind::Plain, Kind::Repository));
    }
    let is_bare =
        path.join("HEAD").is_file() && path.join("objects").is_dir() && path.join("refs").is_dir();
    Ok(if is_bare {
        Kind::Repository(path.into())
    } else {
        Kind::Plain
    })
}

/// Where the `.git` file of a submodule or linked work tree points.
fn git_file(path: &Path, file: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(file).ok()?;
    let target = path.join(text.strip_prefix("gitdir:")?.trim());
    target.is_dir().then_some(target)
}

/// Whether a repository has no commit: nothing in `refs`, and no packed ones.
pub(super) fn is_empty_repository(git_dir: &Path) -> bool {
    // A linked work tree keeps its refs in the main repository.
    !git_dir.join("commondir").exists()
        && !git_dir.join("packed-refs").exists()
        && !holds_a_file(&git_dir.join("refs"))
}

fn holds_a_file(dir: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return false;
    };
    entries.flatten().any(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => holds_a_file(&entry.path()),
        Ok(_) => true,
        Err(_) => false,
    })
}
