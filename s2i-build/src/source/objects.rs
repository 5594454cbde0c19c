//! The places from which a Git repository reads its objects.
//!
//! Git follows a `.git` file or link, links in its own directory, and `objects/info/alternates` to other repositories.
//! Linked work trees, submodules and clones with `--shared` use this. A directory that another user filled can lead to
//! a repository of the user who builds it in the same way.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, Metadata},
    io::{self, ErrorKind},
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Component, Path, PathBuf},
};

use rustix::process::geteuid;
use s2i_core::OpenDir;

use super::{
    SourceError,
    directory::{common_dir, handle_path, read_small},
};

/// The maximal number of entries of object directories that are inspected.
const MAX_ENTRIES: usize = 1_000_000;

/// The places of a repository and its objects. A different value after Git has read it means that it was replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Objects {
    /// The places outside of the directory of the source, without those that lie in another one.
    pub(super) outside: Vec<PathBuf>,
    /// Device and inode of `.git`, a link itself, and of the directory that Git uses.
    identities: [Option<(u64, u64)>; 2],
}

impl Objects {
    /// Finds the objects of the repository in a directory. `git_dir` is Git's own directory.
    ///
    /// # Errors
    /// [`SourceError::OutsideObjects`] where there is a place outside, and the directory or `.git` in it belongs to
    /// another user than root and the caller; [`SourceError::Io`] where Git may follow what can't be followed here.
    pub(super) fn find(dir: &OpenDir, git_dir: &Path, location: &str) -> Result<Self, SourceError> {
        let root = handle_path(dir);
        let identity = |metadata: io::Result<Metadata>| {
            let metadata = metadata.ok()?;
            Some((metadata.dev(), metadata.ino()))
        };
        let dot_git = root.join(".git").symlink_metadata();
        let identities = [identity(dot_git), identity(git_dir.metadata())];
        let real_root = canonical(&root)?;
        let outside = Search::new(real_root).run(git_dir)?;
        if let Some(outside) = outside.first()
            && let Some(owner) = other_owner(&root)
        {
            return Err(SourceError::OutsideObjects {
                location: location.into(),
                owner,
                outside: outside.clone(),
            });
        }
        Ok(Self {
            outside,
            identities,
        })
    }
}

/// Returns the owner of the directory or of `.git` in it, when that is neither root nor the caller.
fn other_owner(root: &Path) -> Option<u32> {
    let own = [0, geteuid().as_raw()];
    let metadata = [root.metadata(), root.join(".git").symlink_metadata()];
    let mut owners = metadata.into_iter().flatten().map(|found| found.uid());
    owners.find(|owner| !own.contains(owner))
}

fn canonical(path: &Path) -> Result<PathBuf, SourceError> {
    let found = path.canonicalize();
    found.map_err(SourceError::io("find the place of", path))
}

/// Returns the result of [`canonical`]; `None` for a path that does not exist.
fn existing(path: &Path) -> Result<Option<PathBuf>, SourceError> {
    match path.canonicalize() {
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
        found => found
            .map(Some)
            .map_err(SourceError::io("find the place of", path)),
    }
}

/// Returns whether a path leads to something that is neither a file nor a directory.
fn is_special(path: &Path) -> bool {
    let found = path.metadata();
    found.is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// Returns the object directories that the `alternates` of one name.
fn alternates(store: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let file = store.join("info/alternates");
    let bytes = read_small(&file)
        .map_err(SourceError::io("read", &file))?
        .unwrap_or_default();
    let mut stores = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        match line.first() {
            None | Some(b'#') => {}
            // Git takes the text after the closing quote for another entry.
            Some(b'"') => {
                let err = io::Error::new(ErrorKind::InvalidData, "there is a quoted path in it");
                return Err(SourceError::io("read", file)(err));
            }
            Some(_) => {
                // Git before 2.40 removes `..` and the component before it as text; later versions follow links first.
                let path = store.join(OsStr::from_bytes(line));
                stores.extend([without_parents(&path), path]);
            }
        }
    }
    Ok(stores)
}

/// Returns an absolute path in which each `..` is removed together with the component before it.
fn without_parents(path: &Path) -> PathBuf {
    let mut shorter = PathBuf::new();
    for component in path.components() {
        if component == Component::ParentDir {
            shorter.pop();
        } else {
            shorter.push(component);
        }
    }
    shorter
}

struct Search {
    root: PathBuf,
    /// The object directories that were inspected.
    stores: BTreeSet<PathBuf>,
    outside: BTreeSet<PathBuf>,
    entries: usize,
}

impl Search {
    fn new(root: PathBuf) -> Self {
        Self {
            root,
            stores: BTreeSet::new(),
            outside: BTreeSet::new(),
            entries: 0,
        }
    }

    fn run(mut self, git_dir: &Path) -> Result<Vec<PathBuf>, SourceError> {
        let mut git_dirs = vec![canonical(git_dir)?];
        // Git takes the directory for a bare repository when `.git` in it is a directory and no repository.
        if self.root.join("HEAD").symlink_metadata().is_ok() {
            git_dirs.push(self.root.clone());
        }
        let mut stores = Vec::new();
        for git_dir in git_dirs {
            self.is_inside(&git_dir);
            let common = canonical(&common_dir(&git_dir)?)?;
            self.is_inside(&common);
            stores.push(common.join("objects"));
        }
        while let Some(store) = stores.pop() {
            if let Some(store) = existing(&store)?
                && self.is_inside(&store)
                && self.stores.insert(store.clone())
            {
                self.follow_links(&store)?;
                stores.extend(alternates(&store)?);
            }
        }
        Ok(self.outermost())
    }

    /// Returns whether a canonical path is below the root, and notes it when it is not.
    fn is_inside(&mut self, path: &Path) -> bool {
        let is_inside = path.starts_with(&self.root);
        if !is_inside {
            self.outside.insert(path.into());
        }
        is_inside
    }

    /// Notes the targets of links in an object directory and in its subdirectories. Git has no deeper ones.
    fn follow_links(&mut self, store: &Path) -> Result<(), SourceError> {
        let mut directories = vec![(store.to_owned(), true)];
        while let Some((directory, is_top)) = directories.pop() {
            let failed = || SourceError::io("list", &directory);
            let entries = match fs::read_dir(&directory) {
                // `git gc` removes directories that have become empty.
                Err(err) if err.kind() == ErrorKind::NotFound => continue,
                found => found.map_err(failed())?,
            };
            for entry in entries {
                let entry = entry.map_err(failed())?;
                self.entries += 1;
                if self.entries > MAX_ENTRIES {
                    let text = format!("it has more than {MAX_ENTRIES} files of Git's");
                    let err = io::Error::new(ErrorKind::FileTooLarge, text);
                    return Err(SourceError::io("look at", &self.root)(err));
                }
                let kind = entry.file_type().map_err(failed())?;
                if kind.is_dir() && is_top {
                    directories.push((entry.path(), false));
                } else if is_special(&entry.path()) {
                    // A reader would wait, or read without an end.
                    let err = io::Error::new(ErrorKind::InvalidInput, "it is not a regular file");
                    return Err(SourceError::io("read", entry.path())(err));
                } else if kind.is_symlink()
                    && let Some(target) = existing(&entry.path())?
                    && self.is_inside(&target)
                    && is_top
                    && target.is_dir()
                {
                    directories.push((target, false));
                }
            }
        }
        Ok(())
    }

    /// Returns the places outside, without those that lie in another one.
    fn outermost(self) -> Vec<PathBuf> {
        let mut outermost: Vec<PathBuf> = Vec::new();
        // The order has a directory before its entries.
        for path in self.outside {
            if !outermost.iter().any(|above| path.starts_with(above)) {
                outermost.push(path);
            }
        }
        outermost
    }
}
