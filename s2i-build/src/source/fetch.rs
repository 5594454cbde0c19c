//! The adapter for directories and Git repositories.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    process::Command,
};

use s2i_core::{ErrorChain, OpenDir, Script, ScriptsUrl};

use super::{
    Fetched, SourceError,
    checkout::Checkout,
    directory::{self, Kind},
    git::{self, Git, Remote},
    location::{self, Place, SourceLocation},
    objects::Objects,
    platform::Platform,
    repository::{DETACHED, Repository},
    submodules,
};
use crate::{
    cancel::CancelToken,
    context::BuildContext,
    facts::CommitFacts,
    notice::{CheckedOut, Notice},
    plan::Submodules,
    ports::SourceReader,
    request::SourceRequest,
    scripts::read_directory,
    stream::blocking,
};

/// A reader of sources from directories of this machine and from all that Git can fetch.
#[derive(Clone, Debug)]
pub struct LocalAndGit {
    /// The directory that relative paths start from.
    pub working_dir: PathBuf,
    /// The parent directory of temporary checkouts.
    pub temp_dir: PathBuf,
    /// Returns the command that starts Git.
    pub git: fn() -> Command,
    /// The CI platform whose checkout a directory may be.
    pub platform: Option<Platform>,
}

impl LocalAndGit {
    /// Returns the reader for this process: with its working directory, its directory for temporary files, the `git` in
    /// its `PATH`, and the CI platform that its variables name.
    ///
    /// # Errors
    /// The working directory does not exist any more or can't be read.
    pub fn from_env() -> io::Result<Self> {
        Ok(Self {
            working_dir: std::env::current_dir()?,
            temp_dir: std::env::temp_dir(),
            git: usual_git,
            platform: Platform::from_env(),
        })
    }
}

/// Returns the `git` in `PATH`.
#[must_use]
pub fn usual_git() -> Command {
    Command::new("git")
}

/// The way to read a source, after an inspection of its location.
enum Way {
    Copy(OpenDir),
    /// The files of a checkout, which are taken to be those of its commit.
    WorkTree {
        dir: OpenDir,
        commit: Option<KnownCommit>,
        /// The reason why its repository can't be read.
        problem: Option<SourceError>,
    },
    Local {
        repository: OpenDir,
        objects: Objects,
    },
    Remote {
        url: String,
    },
}

/// The commit of a checkout that is not made here.
struct KnownCommit {
    facts: CommitFacts,
    /// The address of its repository, without credentials.
    repository: Option<String>,
    /// The platform that describes it; `None` where it was read from the repository.
    platform: Option<&'static str>,
}

impl SourceReader for LocalAndGit {
    async fn fetch(
        &self,
        request: &SourceRequest,
        context: BuildContext<'_>,
    ) -> Result<Fetched, SourceError> {
        let failed = || SourceError::io("read", "the source");
        let (setting, asked) = (self.clone(), request.clone());
        // A file system may block the inspection, and there may be many links.
        let way = blocking(move || setting.way(&asked)).await;
        let way = way.map_err(failed())??;
        context
            .progress
            .notice(notice(&way, &request.location, request.git_ref.as_deref()));
        let (request, setting, cancel) = (request.clone(), self.clone(), context.cancel.clone());
        let work = move || match way {
            Way::Copy(dir) => {
                let location = setting.absolute_location(&request.location);
                Fetched::inspect(dir, &request, location, None, None)
            }
            Way::WorkTree { dir, commit, .. } => {
                let location = setting.absolute_location(&request.location);
                let (facts, repository) = match commit {
                    Some(known) => (Some(known.facts), known.repository),
                    None => (None, None),
                };
                let mut fetched = Fetched::inspect(dir, &request, location, facts, None)?;
                fetched.facts.repository = repository;
                Ok(fetched)
            }
            Way::Local {
                repository,
                objects,
            } => {
                let remote = Remote::Local(&repository);
                let check = || check_unchanged(&repository, &objects, &request);
                setting.check_out(&remote, &request, &cancel, check)
            }
            Way::Remote { url } => {
                setting.check_out(&Remote::Url(&url), &request, &cancel, || Ok(()))
            }
        };
        blocking(work).await.map_err(failed())?
    }

    /// Reads scripts of a directory. Those of a server need another reader.
    async fn fetch_scripts(
        &self,
        url: &ScriptsUrl,
        scripts: &[Script],
        _context: BuildContext<'_>,
    ) -> Result<BTreeMap<Script, Vec<u8>>, SourceError> {
        let ScriptsUrl::File(dir) = url else {
            return Err(SourceError::Scripts {
                url: url.to_string(),
                source: io::Error::from(io::ErrorKind::Unsupported).into(),
            });
        };
        read_directory(&self.working_dir.join(dir), scripts).await
    }
}

impl LocalAndGit {
    fn way(&self, request: &SourceRequest) -> Result<Way, SourceError> {
        let path = match &request.location.place {
            Place::Remote(url) => return Ok(Way::Remote { url: url.clone() }),
            Place::Directory(path) => self.working_dir.join(path),
        };
        let dir = open(path)?;
        let kind = if request.copy {
            Kind::Plain
        } else {
            directory::kind_of(&dir)?
        };
        let reference = request.git_ref.as_ref();
        match (kind, reference.or(request.location.fragment.as_ref())) {
            (Kind::Repository(git_dir), reference) => {
                let location = request.location.public();
                if directory::is_empty_repository(&git_dir) {
                    return Err(SourceError::EmptyRepository(location));
                }
                let objects = Objects::find(&dir, &git_dir, &location)?;
                if reference.is_none()
                    && Self::can_take_work_tree(&dir, &git_dir, request)
                    && !git::is_installed(self.git)
                {
                    return Ok(self.work_tree(dir, &git_dir));
                }
                Ok(Way::Local {
                    repository: dir,
                    objects,
                })
            }
            (Kind::Plain, Some(reference)) => Err(SourceError::RefOfFiles {
                reference: reference.clone(),
                path: dir.path().to_owned(),
            }),
            (Kind::Plain, None) => Ok(match self.described(&dir) {
                Some(commit) if !request.copy => Way::WorkTree {
                    dir,
                    commit: Some(commit),
                    problem: None,
                },
                _ => Way::Copy(dir),
            }),
        }
    }

    /// Returns whether the files of a checkout can stand for its commit: a bare repository has none, and submodules that
    /// the request leaves out may be among them.
    fn can_take_work_tree(dir: &OpenDir, git_dir: &Path, request: &SourceRequest) -> bool {
        let path = directory::handle_path(dir);
        let has_submodules = path.join(".gitmodules").symlink_metadata().is_ok();
        git_dir != path && !(has_submodules && request.submodules == Submodules::Ignore)
    }

    /// Returns the way that takes the files of a checkout: with the commit of its repository, else with that of the
    /// platform.
    fn work_tree(&self, dir: OpenDir, git_dir: &Path) -> Way {
        let described = self.described(&dir);
        let read = || {
            let repository = Repository::open(git_dir)?;
            let mut facts = repository.commit(None)?;
            if let Some(KnownCommit { facts: known, .. }) = &described
                && known.id == facts.id
            {
                // Platforms check a commit out by itself, and without its tags.
                if facts.reference == DETACHED && !known.reference.is_empty() {
                    facts.reference.clone_from(&known.reference);
                }
                facts.tag = known.tag.clone().or(facts.tag);
            }
            let origin = repository.origin();
            Ok(KnownCommit {
                facts,
                repository: origin.and_then(|url| location::public_url(&url)),
                platform: None,
            })
        };
        let (commit, problem) = match read() {
            Ok(commit) => (Some(commit), None),
            Err(err) => (None, Some(err)),
        };
        let commit = commit.or(described);
        Way::WorkTree {
            dir,
            commit,
            problem,
        }
    }

    /// Returns the commit that the platform names, if this directory is its checkout.
    fn described(&self, dir: &OpenDir) -> Option<KnownCommit> {
        let platform = self.platform.as_ref()?;
        platform.is_checkout(dir).then(|| KnownCommit {
            facts: platform.commit.clone(),
            repository: platform.repository.clone(),
            platform: Some(platform.name),
        })
    }

    /// Returns the location for the label of the image, from which it can be built again in any directory.
    fn absolute_location(&self, location: &SourceLocation) -> String {
        match &location.place {
            Place::Remote(_) => location.public(),
            Place::Directory(path) => {
                let path = self.working_dir.join(path);
                let path = path.canonicalize().unwrap_or(path);
                path.display().to_string()
            }
        }
    }

    /// Fetches and checks out. `check` is called after the last read from the remote.
    fn check_out(
        &self,
        remote: &Remote<'_>,
        request: &SourceRequest,
        cancel: &CancelToken,
        check: impl FnOnce() -> Result<(), SourceError>,
    ) -> Result<Fetched, SourceError> {
        let checkout = Checkout::new(&self.temp_dir, cancel)?;
        let location = request.location.public();
        let absolute = self.absolute_location(&request.location);
        let reference = request
            .git_ref
            .as_deref()
            .or(request.location.fragment.as_deref());
        let git = Git {
            program: self.git,
            remote,
            location: &location,
            checkout: checkout.path(),
            is_submodule: false,
            // Git's own directory is a part of the source.
            clone_url: request.exclude.is_empty().then_some(&absolute),
            cancel,
        };
        let commit = git::fetch(&git, reference)?;
        let repository = repository(&git, &request.location);
        check()?;
        let found = submodules::complete(&git, &request.location.place, request.submodules)?;
        let notices = found.into_notices();
        let base =
            OpenDir::open(checkout.path()).map_err(SourceError::io("open", checkout.path()))?;
        let mut fetched = Fetched::inspect(base, request, absolute, Some(commit), Some(checkout))?;
        fetched.facts.repository = repository;
        fetched.notices.extend(notices);
        Ok(fetched)
    }
}

/// Returns the URL of a repository, without credentials: of one on this machine, that of its `origin`.
fn repository(git: &Git<'_>, location: &SourceLocation) -> Option<String> {
    match (git.remote, &location.place) {
        (Remote::Local(dir), _) => location::public_url(&git.origin_of(dir)?),
        (Remote::Url(_), Place::Remote(url)) => location::public_url(url),
        (Remote::Url(_), Place::Directory(_)) => None,
    }
}

/// Fails when a repository or the places of its objects have changed since before Git read it.
fn check_unchanged(
    repository: &OpenDir,
    objects: &Objects,
    request: &SourceRequest,
) -> Result<(), SourceError> {
    if let Kind::Repository(git_dir) = directory::kind_of(repository)?
        && Objects::find(repository, &git_dir, &request.location.public())? == *objects
    {
        return Ok(());
    }
    let err = io::Error::other("another repository took its place while Git read it");
    Err(SourceError::io("use", repository.path().join(".git"))(err))
}

/// Opens the directory of a source.
fn open(path: PathBuf) -> Result<OpenDir, SourceError> {
    OpenDir::open(&path).map_err(|err| match err.kind() {
        io::ErrorKind::NotFound => SourceError::Missing(path),
        io::ErrorKind::NotADirectory => SourceError::NotADirectory(path),
        _ => SourceError::io("open", path)(err),
    })
}

/// Returns the notice about the way that is taken, because a local repository and a plain directory give different
/// files.
fn notice(way: &Way, location: &SourceLocation, git_ref: Option<&str>) -> Notice {
    let reference = git_ref.or(location.fragment.as_deref()).unwrap_or("HEAD");
    let (reference, location) = (reference.to_owned(), location.public());
    match way {
        Way::Copy(_) => Notice::SourceDirectory { location },
        Way::WorkTree {
            commit, problem, ..
        } => Notice::SourceCheckout {
            location,
            commit: commit.as_ref().map(|known| CheckedOut {
                id: known.facts.id.clone(),
                reference: known.facts.reference.clone(),
                platform: known.platform,
            }),
            problem: problem.as_ref().map(|err| ErrorChain(err).to_string()),
        },
        Way::Local { objects, .. } => {
            let objects = objects.outside.iter();
            let objects = objects.map(|path| path.display().to_string());
            Notice::SourceRepository {
                location,
                reference,
                objects: objects.collect(),
            }
        }
        Way::Remote { .. } => Notice::SourceRemote {
            location,
            reference,
        },
    }
}
