//! Completes a checkout: with the content of Git LFS, and with the commits that it records for its submodules.
//!
//! `git submodule` is never started: each submodule is a fetch of one commit into an empty repository in the place that
//! the tree has for it, like that of the source itself. Names of submodules are no paths here, and the configuration of
//! a repository is data.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use s2i_core::OpenDir;

use super::{
    SourceError, SubmoduleError,
    directory::{self, Kind, handle_path},
    git::{self, Git, Remote},
    lfs,
    location::{Place, SourceLocation, place},
    modules::{Module, Origin, check_path},
    objects::Objects,
};
use crate::{notice::Notice, plan::Submodules};

/// The most levels of nested submodules.
const MAX_DEPTH: usize = 10;

/// The most submodules of a source, nested ones among them.
const MAX_MODULES: usize = 1000;

/// The paths of submodules in a source.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The fetched ones.
    pub(super) fetched: Vec<String>,
    /// The ones whose directories are empty.
    pub(super) left_out: Vec<String>,
}

impl Found {
    /// Returns the notices about them.
    pub(super) fn into_notices(self) -> impl Iterator<Item = Notice> {
        let fetched = (!self.fetched.is_empty()).then_some(Notice::SubmodulesFetched {
            paths: self.fetched,
        });
        let left_out = (!self.left_out.is_empty()).then_some(Notice::SubmodulesLeftOut {
            paths: self.left_out,
        });
        fetched.into_iter().chain(left_out)
    }
}

/// Completes a checkout, and those of the submodules in it.
pub(super) fn complete(
    git: &Git<'_>,
    source: &Place,
    submodules: Submodules,
) -> Result<Found, SourceError> {
    let (root, origin) = match git.remote {
        Remote::Url(_) => (None, source.clone()),
        Remote::Local(dir) => {
            let root = canonical(dir)?;
            let own = git.origin_of(dir).and_then(|url| place(&url).ok());
            (Some(root.clone()), own.unwrap_or(Place::Directory(root)))
        }
    };
    let mut fetching = Fetching {
        root,
        submodules,
        found: Found::default(),
    };
    let local = match git.remote {
        Remote::Local(dir) => Some(*dir),
        Remote::Url(_) => None,
    };
    let parent = Parent {
        git,
        origin: Origin {
            is_local: local.is_some(),
            base: origin,
        },
        local,
        path: "",
        depth: 0,
    };
    fetching.all(&parent)?;
    Ok(fetching.found)
}

/// A checkout with submodules.
struct Parent<'a> {
    git: &'a Git<'a>,
    origin: Origin,
    /// The work tree on this machine that may have the submodules already.
    local: Option<&'a OpenDir>,
    /// Its path in the source, empty or with a `/` at the end.
    path: &'a str,
    depth: usize,
}

struct Fetching {
    /// The real path of a local source.
    root: Option<PathBuf>,
    submodules: Submodules,
    found: Found,
}

impl Fetching {
    fn all(&mut self, parent: &Parent<'_>) -> Result<(), SourceError> {
        let links = parent.git.special_entries()?;
        if links.has_attributes {
            lfs::fetch(parent.git, parent.origin.is_local)?;
        }
        if self.submodules == Submodules::Ignore {
            let paths = links.modules.into_iter().map(|link| link.path);
            self.found.left_out.extend(paths);
            return Ok(());
        }
        if links.modules.is_empty() {
            return Ok(());
        }
        let modules = if links.has_modules_file {
            Module::list(&parent.git.modules_file()?)
        } else {
            Vec::new()
        };
        for link in links.modules {
            let path = format!("{}{}", parent.path, link.path);
            let failed = |err| match err {
                // The innermost path is the one that matters.
                SubmoduleError::Source(err)
                    if matches!(
                        *err,
                        SourceError::Interrupted(_) | SourceError::Submodule { .. }
                    ) =>
                {
                    *err
                }
                source => SourceError::Submodule {
                    path: path.clone(),
                    source: Box::new(source),
                },
            };
            if links.has_bad_modules_file {
                return Err(failed(SubmoduleError::NoFile));
            }
            check_path(&link.path).map_err(failed)?;
            let module = Module::of(&modules, &link.path).map_err(failed)?;
            if module.is_left_out() {
                self.found.left_out.push(path);
                continue;
            }
            self.one(parent, module, &link.commit, &path)
                .map_err(failed)?;
        }
        Ok(())
    }

    fn one(
        &mut self,
        parent: &Parent<'_>,
        module: &Module,
        commit: &str,
        path: &str,
    ) -> Result<(), SubmoduleError> {
        if parent.depth == MAX_DEPTH {
            return Err(SubmoduleError::Deep(MAX_DEPTH));
        }
        if self.found.fetched.len() == MAX_MODULES {
            return Err(SubmoduleError::Many(MAX_MODULES));
        }
        let found = module.place(&parent.origin)?;
        let dir = empty_dir(parent.git.checkout, &module.path)?;
        let location = SourceLocation {
            place: found.clone(),
            fragment: None,
        };
        let location = location.public();
        let local = parent
            .local
            .and_then(|local| self.local(local, module, &location));
        let url = match &found {
            Place::Remote(url) => url.clone(),
            Place::Directory(path) => path.to_string_lossy().into_owned(),
        };
        let remote = Remote::Url(&url);
        let work_tree = local.as_ref().map(Remote::Local);
        let of = |remote| Git {
            remote,
            location: &location,
            checkout: &dir,
            is_submodule: matches!(remote, Remote::Url(_)),
            clone_url: parent.git.clone_url.map(|_| location.as_str()),
            ..*parent.git
        };
        let mut git = of(&remote);
        match &work_tree {
            Some(work_tree) if from_work_tree(&of(work_tree), commit)? => git = of(work_tree),
            _ => check_commit(&git, commit)?,
        }
        self.found.fetched.push(path.into());
        let nested = Parent {
            git: &git,
            origin: Origin {
                is_local: parent.origin.is_local && matches!(found, Place::Directory(_)),
                base: found,
            },
            local: local.as_ref(),
            path: &format!("{path}/"),
            depth: parent.depth + 1,
        };
        let fetched = self.all(&nested);
        fetched.map_err(|err| SubmoduleError::Source(Box::new(err)))
    }

    /// Returns the work tree of a submodule in a local source, if it is a repository whose objects are in the source.
    fn local(&self, parent: &OpenDir, module: &Module, location: &str) -> Option<OpenDir> {
        let root = self.root.as_ref()?;
        let dir = parent.open_dir(Path::new(&module.path)).ok()?;
        let Kind::Repository(git_dir) = directory::kind_of(&dir).ok()? else {
            return None;
        };
        let objects = Objects::find(&dir, &git_dir, location).ok()?;
        let is_inside = objects.outside.iter().all(|path| path.starts_with(root));
        is_inside.then_some(dir)
    }
}

/// Fetches a commit from the work tree on this machine. Returns false if that has not got it.
fn from_work_tree(git: &Git<'_>, commit: &str) -> Result<bool, SubmoduleError> {
    match check_commit(git, commit) {
        Ok(()) => Ok(true),
        Err(SubmoduleError::Source(err)) if matches!(*err, SourceError::Interrupted(_)) => {
            Err(SubmoduleError::Source(err))
        }
        Err(err) => {
            tracing::debug!(location = git.location, %err, "not taken from the work tree");
            let emptied =
                fs::remove_dir_all(git.checkout).and_then(|()| fs::create_dir(git.checkout));
            emptied.map_err(failed("empty", git.checkout))?;
            Ok(false)
        }
    }
}

/// Fetches and checks out a commit, and nothing else.
fn check_commit(git: &Git<'_>, commit: &str) -> Result<(), SubmoduleError> {
    let facts = git::fetch(git, Some(commit));
    let facts = facts.map_err(|err| SubmoduleError::Source(Box::new(err)))?;
    // A branch may have the ID of another commit as its name.
    if facts.id == commit {
        Ok(())
    } else {
        Err(SubmoduleError::OtherCommit(facts.id))
    }
}

/// Returns the directory that the checkout made for a submodule. Links in the way are not followed.
fn empty_dir(checkout: &Path, path: &str) -> Result<PathBuf, SubmoduleError> {
    let mut dir = checkout.to_owned();
    for component in path.split('/') {
        dir.push(component);
        let metadata = dir.symlink_metadata();
        if !metadata.is_ok_and(|metadata| metadata.is_dir()) {
            return Err(SubmoduleError::Occupied);
        }
    }
    let mut entries = fs::read_dir(&dir).map_err(failed("list", &dir))?;
    if entries.next().is_some() {
        return Err(SubmoduleError::Occupied);
    }
    Ok(dir)
}

fn canonical(dir: &OpenDir) -> Result<PathBuf, SourceError> {
    let found = handle_path(dir).canonicalize();
    found.map_err(SourceError::io("find the place of", dir.path()))
}

fn failed<'a>(
    operation: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> SubmoduleError + 'a {
    move |err| SubmoduleError::Source(Box::new(SourceError::io(operation, path)(err)))
}
