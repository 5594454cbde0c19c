//! The adapter for directories and Git repositories.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Fetched, Source, SourceError,
    checkout::Checkout,
    directory::{self, Kind},
    git::{self, Git},
    location::{Place, SourceLocation},
};
use crate::{cancel::CancelToken, event::Progress, request::SourceRequest, stream::blocking};

/// Gets source from directories of this machine and from whatever Git can fetch.
#[derive(Clone, Debug)]
pub struct LocalAndGit {
    /// Where relative directories start.
    pub working_dir: PathBuf,
    /// Where checkouts go for as long as they are needed.
    pub temp_dir: PathBuf,
    /// How Git is started.
    pub git: fn() -> Command,
}

/// The `git` that is found in `PATH`.
#[must_use]
pub fn usual_git() -> Command {
    Command::new("git")
}

/// What is to be done, after looking at the place.
enum Way {
    Copy(PathBuf),
    Git { url: String },
}

impl Source for LocalAndGit {
    async fn fetch(
        &self,
        request: &SourceRequest,
        progress: &Progress<'_>,
        cancel: &CancelToken,
    ) -> Result<Fetched, SourceError> {
        let way = self.way(request)?;
        progress.notice(sentence(
            &way,
            &request.location,
            request.git_ref.as_deref(),
        ));
        let (request, setting, cancel) = (request.clone(), self.clone(), cancel.clone());
        let work = move || match way {
            Way::Copy(path) => {
                Fetched::look_at(&path, &request, request.location.public(), None, None)
            }
            Way::Git { url } => setting.check_out(&url, &request, &cancel),
        };
        blocking(work)
            .await
            .unwrap_or_else(|err| Err(SourceError::io("read", "the source")(err)))
    }
}

impl LocalAndGit {
    fn way(&self, request: &SourceRequest) -> Result<Way, SourceError> {
        let path = match &request.location.place {
            Place::Remote(url) => return Ok(Way::Git { url: url.clone() }),
            Place::Directory(path) => self.working_dir.join(path),
        };
        match directory::kind_of(&path)? {
            Kind::Repository(git_dir) if !request.copy => {
                if directory::is_empty_repository(&git_dir) {
                    return Err(SourceError::EmptyRepository {
                        location: request.location.public(),
                    });
                }
                let path = path
                    .canonicalize()
                    .map_err(SourceError::io("find", &path))?;
                Ok(Way::Git {
                    url: file_url(&path),
                })
            }
            _ => match request
                .git_ref
                .as_ref()
                .or(request.location.fragment.as_ref())
            {
                Some(reference) => Err(SourceError::RefOfFiles {
                    reference: reference.clone(),
                    path: path.clone(),
                }),
                None => Ok(Way::Copy(path)),
            },
        }
    }

    fn check_out(
        &self,
        url: &str,
        request: &SourceRequest,
        cancel: &CancelToken,
    ) -> Result<Fetched, SourceError> {
        let checkout = Checkout::new(&self.temp_dir, cancel)?;
        let location = request.location.public();
        let reference = request
            .git_ref
            .as_deref()
            .or(request.location.fragment.as_deref());
        let git = Git {
            program: self.git,
            url,
            location: &location,
            checkout: checkout.path(),
            cancel,
        };
        let commit = git::fetch(&git, reference)?;
        let base = checkout.path().to_owned();
        let mut fetched = Fetched::look_at(&base, request, location, Some(commit), Some(checkout))?;
        if base.join(".gitmodules").exists() {
            let message = "the submodules of this repository are not fetched";
            fetched
                .diagnostics
                .push(s2i_core::Diagnostic::new(".gitmodules", message));
        }
        Ok(fetched)
    }
}

/// Git decodes URLs, so what looks encoded in a path is encoded.
fn file_url(path: &Path) -> String {
    format!("file://{}", path.display().to_string().replace('%', "%25"))
}

/// Says which of the two ways is taken, because for a local repository they give different files.
fn sentence(way: &Way, location: &SourceLocation, git_ref: Option<&str>) -> String {
    let reference = git_ref.or(location.fragment.as_deref());
    match (way, &location.place) {
        (Way::Copy(_), _) => format!("source: the files in {}", location.public()),
        (Way::Git { .. }, Place::Directory(_)) => format!(
            "source: {} of the Git repository {}; uncommitted changes are not built (--copy builds them)",
            reference.unwrap_or("HEAD"),
            location.public()
        ),
        (Way::Git { .. }, Place::Remote(_)) => {
            format!(
                "source: {} of {}",
                reference.unwrap_or("HEAD"),
                location.public()
            )
        }
    }
}
