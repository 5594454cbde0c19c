//! A source tree on this machine, and the facts about it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use cap_std::fs::MetadataExt as _;
use s2i_core::{
    Diagnostic, EnvVar, IGNORE_FILE, OLD_SOURCE_SCRIPTS_DIR, OpenDir, SOURCE_ENVIRONMENT_FILE,
    SOURCE_SCRIPTS_DIR, Script, Times,
    archive::{self, Keep, KeptTimes},
    bounds,
    detect::{self, RootEntry},
    environment,
    ignore::Filter,
    open_dir::is_escape,
};

use super::{
    SourceError,
    checkout::Checkout,
    fingerprint::{self, Survey},
    matches::{self, Parts},
};
use crate::{
    facts::{CommitFacts, SourceFacts, SourceMatch},
    notice::Notice,
    plan::{SourceFilter, SourcePath},
    request::SourceRequest,
    stream::{ArchiveStream, Tree, blocking, pieces_of},
};

/// The most links that a notice names.
const MAX_DANGLING: usize = 100;

/// A source tree that was fetched and inspected.
#[derive(Debug)]
pub struct Fetched {
    /// The facts about it for a plan.
    pub facts: SourceFacts,
    /// Soft problems in its files.
    pub diagnostics: Vec<Diagnostic>,
    /// Findings about it for the user.
    pub notices: Vec<Notice>,
    /// Opened once; all access is through this handle.
    root: Arc<OpenDir>,
    filter: Arc<Filter>,
    /// The checkout, if there is one; removed on drop.
    checkout: Option<Checkout>,
    /// The fingerprint of a checkout of this process, to which no other one writes.
    checked_out: OnceLock<String>,
}

impl Fetched {
    /// Inspects the tree in `base`. No link is followed out of it.
    pub(super) fn inspect(
        base: OpenDir,
        request: &SourceRequest,
        location: String,
        commit: Option<CommitFacts>,
        checkout: Option<Checkout>,
    ) -> Result<Self, SourceError> {
        let root = match &request.context_dir {
            Some(context_dir) => open_context(&base, context_dir, request)?,
            None => base,
        };
        let excluded_dirs = dirs_below(&root, &request.excluded_dirs)
            .map_err(SourceError::io("look at", root.path()))?;
        let ignore = read_text(&root, IGNORE_FILE)?;
        let rules = SourceFilter {
            exclude: request.exclude.clone(),
            ignore: ignore
                .iter()
                .flat_map(|text| text.lines())
                .map(Into::into)
                .collect(),
            excluded_dirs: excluded_dirs.clone(),
        };
        let filter = excluded_dirs
            .into_iter()
            .fold(Filter::excluding(&request.exclude)?, Filter::without);
        let (filter, mut diagnostics) = match ignore {
            Some(text) => filter.with_ignore_file(IGNORE_FILE, &text)?,
            None => (filter, Vec::new()),
        };
        let environment = match read_text(&root, SOURCE_ENVIRONMENT_FILE)? {
            Some(text) if !filter.leaves_out(SOURCE_ENVIRONMENT_FILE) => {
                let (environment, problems) =
                    environment::parse_file(SOURCE_ENVIRONMENT_FILE, &text);
                diagnostics.extend(problems);
                environment
            }
            _ => Vec::new(),
        };
        // A tree that can't be read is an error when it goes into a container.
        let dangling = archive::dangling_links(&root, &filter, MAX_DANGLING).unwrap_or_default();
        let scripts = scripts_in(&root, &filter);
        diagnostics.extend(old_scripts(&root, &scripts));
        let facts = SourceFacts {
            location,
            repository: None,
            context_dir: request.context_dir.clone(),
            commit,
            submodules: request.submodules,
            scripts,
            environment,
            filter: rules,
            newest: None,
            fingerprint: None,
        };
        Ok(Self {
            facts,
            diagnostics,
            notices: if dangling.is_empty() {
                Vec::new()
            } else {
                vec![Notice::DanglingLinks { paths: dangling }]
            },
            root: Arc::new(root),
            filter: Arc::new(filter),
            checkout,
            checked_out: OnceLock::new(),
        })
    }

    /// Creates a tree with given facts, for tests.
    ///
    /// # Errors
    /// [`SourceError::Io`] when it can't be opened.
    pub fn from_parts(root: &Path, facts: SourceFacts) -> Result<Self, SourceError> {
        let root = OpenDir::open(root).map_err(SourceError::io("open", root))?;
        Ok(Self {
            facts,
            diagnostics: Vec::new(),
            notices: Vec::new(),
            root: Arc::new(root),
            filter: Arc::default(),
            checkout: None,
            checked_out: OnceLock::new(),
        })
    }

    /// Returns whether the files are those of a commit, whose time counts for all of them.
    fn is_of_commit(&self) -> bool {
        let commit = self.facts.commit.as_ref();
        commit.is_some_and(|commit| commit.time.is_some())
    }

    /// Returns the tree as an input of a container. Files of a directory keep their times and modes. Those of a commit have
    /// neither: their times are all the same, and their modes depend on the user who checks them out.
    #[must_use]
    pub fn tree(&self, times: Times) -> Tree {
        Tree {
            root: Arc::clone(&self.root),
            filter: Arc::clone(&self.filter),
            mtime: times.new,
            keep: Keep {
                modes: !self.is_of_commit(),
                times: self.kept_times(times),
                directory_times: false,
            },
        }
    }

    fn kept_times(&self, times: Times) -> Option<KeptTimes> {
        let started = None;
        (!self.is_of_commit()).then_some(KeptTimes { times, started })
    }

    /// Returns scripts of the tree as an archive of plain executable files. Links are only followed inside the tree.
    #[must_use]
    pub fn scripts(&self, scripts: &[Script], times: Times) -> ArchiveStream<'static> {
        let (root, scripts) = (Arc::clone(&self.root), scripts.to_vec());
        let kept = self.kept_times(times);
        pieces_of(move |out| write_scripts(&root, &scripts, times.new, kept, out))
    }

    /// Looks for files and directories by their paths or patterns; what does not exist or is left out is not found.
    ///
    /// # Errors
    /// [`SourceError::Io`] when a directory can't be read, a pattern is invalid, or more than [`bounds::MATCHES`] match.
    pub async fn find(
        &self,
        patterns: Vec<String>,
    ) -> Result<BTreeMap<String, Vec<SourceMatch>>, SourceError> {
        let (root, filter) = (Arc::clone(&self.root), Arc::clone(&self.filter));
        let find = move || {
            let find = |pattern: String| {
                let found = matches::find(&root, &filter, &pattern)
                    .map_err(|err| SourceError::io("look in the source for", &pattern)(err))?;
                Ok((pattern, found))
            };
            patterns.into_iter().map(find).collect()
        };
        let found = blocking(find).await;
        found.map_err(SourceError::io("read", self.root.path()))?
    }

    /// Returns parts of the tree as an archive: files, or the content of one directory.
    #[must_use]
    pub fn paths(&self, paths: &[SourcePath], times: Times) -> ArchiveStream<'static> {
        let Tree {
            root,
            filter,
            mtime,
            keep,
        } = self.tree(times);
        let paths = paths.to_vec();
        pieces_of(move |out| {
            let parts = Parts {
                root: &root,
                filter: &filter,
                mtime,
                keep,
            };
            parts.write(&paths, out)
        })
    }

    /// Returns the text of a script of the tree. A link is followed inside the tree only.
    ///
    /// # Errors
    /// [`SourceError::Io`] when it can't be read.
    pub fn script(&self, script: Script) -> Result<Vec<u8>, SourceError> {
        let path = script_path(&self.root, script);
        let read = read_small(&self.root, &path);
        read.map_err(SourceError::io("read", self.root.path().join(path)))
    }

    /// Looks at all files. What can't be read is missing in the result.
    pub async fn survey(&self) -> Survey {
        let (root, filter) = (Arc::clone(&self.root), Arc::clone(&self.filter));
        let scripts: Vec<_> = self.facts.scripts.iter().copied().collect();
        if !self.is_of_commit() {
            let found = move || fingerprint::of_metadata(&root, &filter, &scripts);
            let found = blocking(found).await.and_then(|found| found);
            return found.unwrap_or_default();
        }
        let mut fingerprint = self.checked_out.get().cloned();
        if fingerprint.is_none() {
            let found = move || fingerprint::of_contents(&root, &filter, &scripts);
            fingerprint = blocking(found).await.and_then(|found| found).ok();
        }
        // Another process may write to a checkout that is not of this process.
        if let (Some(_), Some(found)) = (&self.checkout, &fingerprint) {
            self.checked_out.get_or_init(|| found.clone());
        }
        Survey {
            fingerprint,
            newest: None,
        }
    }

    /// Lists the entries of the root directory that are not left out.
    ///
    /// # Errors
    /// [`SourceError::Io`] when they cannot be listed.
    pub async fn root_entries(&self) -> Result<Vec<RootEntry>, SourceError> {
        let (root, filter) = (Arc::clone(&self.root), Arc::clone(&self.filter));
        let listed = blocking(move || detect::read(&root, |name| filter.leaves_out(name))).await;
        listed
            .and_then(|entries| entries)
            .map_err(SourceError::io("list", self.root.path()))
    }

    /// Returns the content of a file of the tree, by its path in it; `None` where there is none, or the rules leave it
    /// out. A link is followed inside the tree only.
    ///
    /// # Errors
    /// [`SourceError::Io`] when it can't be read, leads out of the tree, or is larger than [`bounds::FILE`].
    pub async fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        if self.filter.leaves_out(path) {
            return Ok(None);
        }
        let (root, name) = (Arc::clone(&self.root), path.to_owned());
        let read = blocking(move || read_file(&root, &name)).await;
        read.map_err(SourceError::io("read", self.root.path().join(path)))?
    }

    /// Returns the variables of the tree.
    #[must_use]
    pub fn environment(&self) -> &[EnvVar] {
        &self.facts.environment
    }
}

/// Writes scripts of the tree as an archive.
pub(super) fn write_scripts(
    root: &OpenDir,
    scripts: &[Script],
    mtime: u64,
    kept: Option<KeptTimes>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut archive = archive::Writer::new(out, mtime);
    let keep = Keep {
        modes: false,
        times: kept,
        directory_times: false,
    };
    for script in scripts {
        let file = root.open_file(script_path(root, *script))?;
        let time = keep.file_time(file.metadata()?.modified()?);
        let content = bounds::read(file, bounds::FILE)?;
        let (name, size) = (script.file_name(), content.len() as u64);
        archive.at_time(time.unwrap_or(mtime), |archive| {
            archive.file(name, 0o755, size, &mut &content[..])
        })?;
    }
    archive.finish().map(drop)
}

/// Returns the paths in the tree of those of the directories that are below its root. A source that is inside such a
/// directory itself is complete.
fn dirs_below(root: &OpenDir, dirs: &[PathBuf]) -> io::Result<Vec<String>> {
    let own = root.dir().dir_metadata()?;
    let is_root = |dir: &Path| {
        let metadata = dir.metadata();
        metadata.is_ok_and(|found| (found.dev(), found.ino()) == (own.dev(), own.ino()))
    };
    let below = |dir: &PathBuf| {
        let dir = dir.canonicalize().ok()?;
        let root = dir.ancestors().skip(1).find(|above| is_root(above))?;
        let below = dir.strip_prefix(root).ok()?.to_string_lossy();
        Some(below.into_owned())
    };
    Ok(dirs.iter().filter_map(below).collect())
}

/// Opens the directory to build: the context directory, which must lie in the source itself. A link in the source
/// may lead to it.
fn open_context(
    base: &OpenDir,
    context_dir: &str,
    request: &SourceRequest,
) -> Result<OpenDir, SourceError> {
    let excluded = dirs_below(base, &request.excluded_dirs)
        .map_err(SourceError::io("look at", base.path()))?;
    let filter = excluded
        .into_iter()
        .fold(Filter::excluding(&request.exclude)?, Filter::without);
    let below = match context_dir.trim_start_matches('/') {
        "" => ".",
        below => below,
    };
    base.open_part(Path::new(below), filter)
        .map_err(|err| match err.kind() {
            _ if is_escape(&err) => SourceError::ContextDirOutside(context_dir.into()),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                SourceError::NoContextDir(context_dir.into())
            }
            _ => SourceError::io("open", base.path().join(below))(err),
        })
}

/// Reads a text file of the tree; `None` when it does not exist.
fn read_text(root: &OpenDir, name: &str) -> Result<Option<String>, SourceError> {
    let bytes = read_file(root, name)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Reads a file of the tree; `None` when it does not exist.
fn read_file(root: &OpenDir, name: &str) -> Result<Option<Vec<u8>>, SourceError> {
    match read_small(root, name) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(err)
            if matches!(
                err.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(err) => Err(SourceError::io("read", root.path().join(name))(err)),
    }
}

/// Reads a configuration file of s2i in the tree, which may be of any type.
fn read_small(root: &OpenDir, name: &str) -> io::Result<Vec<u8>> {
    bounds::read(root.open_file(name)?, bounds::FILE)
}

/// Returns the scripts of the tree that the rules do not leave out.
fn scripts_in(root: &OpenDir, filter: &Filter) -> BTreeSet<Script> {
    let is_there = |script: &Script| {
        let path = script_path(root, *script);
        !filter.leaves_out(&path) && is_file(root, &path)
    };
    Script::ALL.into_iter().filter(is_there).collect()
}

/// Returns the path of a script in the tree: in the deprecated directory only if the usual one does not have it.
fn script_path(root: &OpenDir, script: Script) -> String {
    let [usual, old] =
        [SOURCE_SCRIPTS_DIR, OLD_SOURCE_SCRIPTS_DIR].map(|dir| format!("{dir}/{script}"));
    if !is_file(root, &usual) && is_file(root, &old) {
        return old;
    }
    usual
}

/// Returns a warning if scripts are in the deprecated directory.
fn old_scripts(root: &OpenDir, scripts: &BTreeSet<Script>) -> Option<Diagnostic> {
    let is_old = |script: &Script| script_path(root, *script).starts_with(OLD_SOURCE_SCRIPTS_DIR);
    let message =
        format!("scripts in this directory are deprecated; put them into `{SOURCE_SCRIPTS_DIR}`");
    let mut scripts = scripts.iter();
    scripts
        .any(is_old)
        .then(|| Diagnostic::new(OLD_SOURCE_SCRIPTS_DIR, message))
}

fn is_file(root: &OpenDir, path: &str) -> bool {
    let metadata = root.dir().metadata(path);
    metadata.is_ok_and(|metadata| metadata.is_file())
}
