//! A source tree on this machine, and what it says about itself.

use std::{
    collections::BTreeSet,
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use cap_std::{ambient_authority, fs::Dir};
use s2i_core::{
    Diagnostic, EnvVar, IGNORE_FILE, SOURCE_ENVIRONMENT_FILE, SOURCE_SCRIPTS_DIR, Script, archive,
    environment, ignore::Filter,
};

use super::{SourceError, checkout::Checkout, fingerprint, root};
use crate::{
    facts::{CommitFacts, RootFile, SourceFacts},
    hex::hex,
    request::SourceRequest,
    stream::{ArchiveStream, Tree, blocking, pieces_of},
};

/// The most bytes that a file of s2i's own in a tree may have.
const SMALL: u64 = 1 << 20;

/// A source tree that is there and was looked at.
#[derive(Debug)]
pub struct Fetched {
    /// What a plan needs to know of it.
    pub facts: SourceFacts,
    /// Soft problems in its files.
    pub diagnostics: Vec<Diagnostic>,
    root: PathBuf,
    filter: Arc<Filter>,
    /// Lives as long as the tree is needed; removed on drop.
    checkout: Option<Checkout>,
}

impl Fetched {
    /// Looks at the tree below `base`. Nothing in it is followed out of it.
    pub(super) fn look_at(
        base: &Path,
        request: &SourceRequest,
        location: String,
        commit: Option<CommitFacts>,
        checkout: Option<Checkout>,
    ) -> Result<Self, SourceError> {
        let root = context_root(base, request.context_dir.as_deref())?;
        let dir = Dir::open_ambient_dir(&root, ambient_authority())
            .map_err(SourceError::io("open", &root))?;
        let filter = foreign_in(&root, &request.foreign)
            .fold(Filter::excluding(&request.exclude)?, Filter::without);
        let (filter, mut diagnostics) = match read_text(&dir, &root, IGNORE_FILE)? {
            Some(text) => filter.with_ignore_file(IGNORE_FILE, &text),
            None => (filter, Vec::new()),
        };
        let environment = match read_text(&dir, &root, SOURCE_ENVIRONMENT_FILE)? {
            Some(text) if !filter.leaves_out(SOURCE_ENVIRONMENT_FILE) => {
                let (environment, problems) =
                    environment::parse_file(SOURCE_ENVIRONMENT_FILE, &text);
                diagnostics.extend(problems);
                environment
            }
            _ => Vec::new(),
        };
        let facts = SourceFacts {
            location,
            context_dir: request.context_dir.clone(),
            commit,
            scripts: scripts_in(&dir, &filter),
            environment,
        };
        Ok(Self {
            facts,
            diagnostics,
            root,
            filter: Arc::new(filter),
            checkout,
        })
    }

    /// A tree made by hand, for tests of what works on trees.
    #[must_use]
    pub fn from_parts(root: PathBuf, facts: SourceFacts) -> Self {
        Self {
            facts,
            diagnostics: Vec::new(),
            root,
            filter: Arc::default(),
            checkout: None,
        }
    }

    /// The tree as an input of a container.
    #[must_use]
    pub fn tree(&self, mtime: u64) -> Tree {
        Tree {
            root: self.root.clone(),
            filter: Arc::clone(&self.filter),
            mtime,
        }
    }

    /// These scripts of the tree as an archive: plain executable files, links followed inside the
    /// tree only.
    #[must_use]
    pub fn scripts(&self, scripts: &[Script], mtime: u64) -> ArchiveStream<'static> {
        let (root, scripts) = (self.root.clone(), scripts.to_vec());
        pieces_of(move |out| write_scripts(&root, &scripts, mtime, out))
    }

    /// What is the same for two trees only if their files are: the commit of a checkout, else a digest
    /// of the names and times of the files. `None` where nobody can tell, because the tree is gone or
    /// changed a moment ago.
    pub async fn fingerprint(&self) -> Option<String> {
        if let (Some(commit), Some(_)) = (&self.facts.commit, &self.checkout) {
            return Some(format!("commit {}", commit.id));
        }
        let (root, filter) = (self.root.clone(), Arc::clone(&self.filter));
        let found = blocking(move || fingerprint::of(&root, &filter)).await;
        found.ok()?.ok()?.map(|digest| hex(&digest))
    }

    /// The files at the top of the tree.
    ///
    /// # Errors
    /// [`SourceError::Io`] when they can't be listed.
    pub async fn root_files(&self) -> Result<Vec<RootFile>, SourceError> {
        let (root, filter) = (self.root.clone(), Arc::clone(&self.filter));
        let listed = blocking(move || root::files(&root, &filter)).await;
        listed
            .and_then(|files| files)
            .map_err(SourceError::io("list", &self.root))
    }

    /// The variables of the tree.
    #[must_use]
    pub fn environment(&self) -> &[EnvVar] {
        &self.facts.environment
    }
}

fn write_scripts(
    root: &Path,
    scripts: &[Script],
    mtime: u64,
    out: &mut dyn Write,
) -> io::Result<()> {
    let dir = Dir::open_ambient_dir(root, ambient_authority())?;
    let mut archive = archive::Writer::new(out, mtime);
    for script in scripts {
        let content = read_small(&dir, &format!("{SOURCE_SCRIPTS_DIR}/{script}"))?;
        archive.file(
            script.file_name(),
            0o755,
            content.len() as u64,
            &mut &content[..],
        )?;
    }
    archive.finish().map(drop)
}

/// Where in the tree these directories are, those of them that are in it. A source that lies in one itself is a
/// source.
fn foreign_in(root: &Path, foreign: &[PathBuf]) -> impl Iterator<Item = String> {
    let below = move |dir: &PathBuf| {
        let dir = dir.canonicalize().ok()?;
        let below = dir.strip_prefix(root).ok()?.to_string_lossy();
        Some(below.into_owned()).filter(|below| !below.is_empty())
    };
    foreign.iter().filter_map(below)
}

/// The directory to build: the context directory, which must lie in the source itself.
fn context_root(base: &Path, context_dir: Option<&str>) -> Result<PathBuf, SourceError> {
    let base = base.canonicalize().map_err(SourceError::io("find", base))?;
    let Some(context_dir) = context_dir else {
        return Ok(base);
    };
    let Ok(root) = base
        .join(context_dir.trim_start_matches('/'))
        .canonicalize()
    else {
        return Err(SourceError::NoContextDir {
            context_dir: context_dir.into(),
        });
    };
    if !root.starts_with(&base) {
        return Err(SourceError::ContextDirOutside {
            context_dir: context_dir.into(),
        });
    }
    if !root.is_dir() {
        return Err(SourceError::NoContextDir {
            context_dir: context_dir.into(),
        });
    }
    Ok(root)
}

/// A text file of the tree; `None` when it is not there.
fn read_text(dir: &Dir, root: &Path, name: &str) -> Result<Option<String>, SourceError> {
    match read_small(dir, name) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(err)
            if matches!(
                err.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(err) => Err(SourceError::io("read", root.join(name))(err)),
    }
}

/// Reads a file of s2i's own in the tree. Whoever wrote the tree may have put anything there.
fn read_small(dir: &Dir, name: &str) -> io::Result<Vec<u8>> {
    // Before it is opened: opening a pipe would wait for its other end.
    if !dir.metadata(name)?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a file",
        ));
    }
    let mut bytes = Vec::new();
    dir.open(name)?.take(SMALL + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SMALL {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it has more than 1 MiB",
        ));
    }
    Ok(bytes)
}

fn scripts_in(dir: &Dir, filter: &Filter) -> BTreeSet<Script> {
    let is_there = |script: &Script| {
        let path = format!("{SOURCE_SCRIPTS_DIR}/{script}");
        !filter.leaves_out(&path) && dir.metadata(&path).is_ok_and(|metadata| metadata.is_file())
    };
    Script::ALL.into_iter().filter(is_there).collect()
}
