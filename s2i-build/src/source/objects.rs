//! Where a Git repository takes its objects from.
//!
//! Git follows a `.git` file or link, links in its own directory, and `objects/info/alternates` to other repositories.
//! Linked work trees, submodules and clones with `--shared` are made of that. A directory that another user filled
//! can lead to a repository of the user who builds it in the same way.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::process::geteuid;
use s2i_core::OpenDir;

use super::{
    SourceError,
    directory::{handle_path, read_small},
};

/// The most entries of object directories that are looked at.
const MAX_ENTRIES: usize = 1_000_000;

/// Finds the places outside of the directory that its repository takes objects from.
///
/// # Errors
/// [`SourceError::ForeignObjects`] where there is one, and the directory or `.git` in it belongs to another user than
/// root and the caller; [`SourceError::Io`].
pub(super) fn outside(
    dir: &OpenDir,
    git_dir: &Path,
    location: &str,
) -> Result<Vec<PathBuf>, SourceError> {
    let root = handle_path(dir);
    let found = find(&root, git_dir).map_err(SourceError::io("look at", dir.path()))?;
    if let Some(outside) = found.first()
        && let Some(owner) = foreign_owner(&root)
    {
        return Err(SourceError::ForeignObjects {
            location: location.into(),
            owner,
            outside: outside.clone(),
        });
    }
    Ok(found)
}

/// The owner of the directory or of `.git` in it, when that is neither root nor the caller.
fn foreign_owner(root: &Path) -> Option<u32> {
    let own = [0, geteuid().as_raw()];
    let metadata = [root.metadata(), root.join(".git").symlink_metadata()];
    let mut owners = metadata.into_iter().flatten().map(|found| found.uid());
    owners.find(|owner| !own.contains(owner))
}

fn find(root: &Path, git_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut search = Search {
        root: root.canonicalize()?,
        inside: BTreeSet::new(),
        outside: BTreeSet::new(),
        entries: 0,
    };
    let git_dir = git_dir.canonicalize()?;
    search.note(&git_dir);
    // Of a linked work tree.
    let common = read_small(&git_dir.join("commondir"))
        .and_then(|text| git_dir.join(text.trim()).canonicalize())
        .unwrap_or(git_dir);
    search.note(&common);
    let mut stores = vec![common.join("objects")];
    while let Some(store) = stores.pop() {
        if let Ok(store) = store.canonicalize()
            && search.note(&store)
        {
            search.note_links(&store)?;
            stores.extend(alternates(&store));
        }
    }
    Ok(search.outermost())
}

/// The object directories that are named in one.
fn alternates(store: &Path) -> Vec<PathBuf> {
    let text = read_small(&store.join("info/alternates")).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| store.join(line.trim_matches('"')))
        .collect()
}

struct Search {
    root: PathBuf,
    inside: BTreeSet<PathBuf>,
    outside: BTreeSet<PathBuf>,
    entries: usize,
}

impl Search {
    /// Notes a canonical path. Whether it is below the root, and was not noted before.
    fn note(&mut self, path: &Path) -> bool {
        if path.starts_with(&self.root) {
            return self.inside.insert(path.into());
        }
        self.outside.insert(path.into());
        false
    }

    /// Notes where links in an object directory lead, and those in the directories in it. Git has none that are
    /// deeper.
    fn note_links(&mut self, store: &Path) -> io::Result<()> {
        let mut directories = vec![(store.to_owned(), true)];
        while let Some((directory, is_top)) = directories.pop() {
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                self.entries += 1;
                if self.entries > MAX_ENTRIES {
                    let text = format!("it has more than {MAX_ENTRIES} files of Git's");
                    return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
                }
                let kind = entry.file_type()?;
                if kind.is_dir() && is_top {
                    directories.push((entry.path(), false));
                } else if kind.is_symlink()
                    && let Ok(target) = entry.path().canonicalize()
                {
                    self.note(&target);
                }
            }
        }
        Ok(())
    }

    /// The places outside, without those that lie in another one.
    fn outermost(self) -> Vec<PathBuf> {
        let mut outermost: Vec<PathBuf> = Vec::new();
        // A directory is before what is in it.
        for path in self.outside {
            if !outermost.iter().any(|above| path.starts_with(above)) {
                outermost.push(path);
            }
        }
        outermost
    }
}
