//! The sources and the names of builds in a cluster.

use s2i_build::source::location::{Place, SourceLocation, without_credentials};
use s2i_core::ImageRef;
use s2i_kube::{Name, Reference, openshift::Git};

use super::KubeError;
use crate::args::kube::RepositoryArgs;

/// The settings of a repository that options have.
pub(super) struct GitOptions<'a> {
    pub(super) reference: Option<&'a String>,
    pub(super) context_dir: Option<&'a String>,
    pub(super) secret: Option<&'a Reference>,
}

impl<'a> From<&'a RepositoryArgs> for GitOptions<'a> {
    fn from(args: &'a RepositoryArgs) -> Self {
        Self {
            reference: args.git_ref.as_ref(),
            context_dir: args.context_dir.as_ref(),
            secret: args.git_secret.as_ref(),
        }
    }
}

/// Returns the repository at a location.
pub(super) fn git(location: &SourceLocation, options: &GitOptions<'_>) -> Result<Git, KubeError> {
    let url = match &location.place {
        Place::Remote(url) => url,
        Place::Directory(path) => return Err(KubeError::Directory(path.display().to_string())),
    };
    let mut git = Git::new(url);
    git.reference.clone_from(&location.fragment);
    with_options(git, options)
}

/// Returns a repository with the settings of options.
pub(super) fn with_options(git: Git, options: &GitOptions<'_>) -> Result<Git, KubeError> {
    let public = without_credentials(&git.uri);
    if public != git.uri {
        return Err(KubeError::Login(public));
    }
    Ok(Git {
        reference: options.reference.cloned().or(git.reference),
        context_dir: options.context_dir.cloned(),
        secret: options.secret.cloned(),
        ..git
    })
}

/// Returns the name, or the one that follows from that of an image.
pub(super) fn of_image(name: Option<&Name>, image: &ImageRef) -> Result<Name, KubeError> {
    let last = image.repository().rsplit('/').next().unwrap_or_default();
    name.cloned()
        .or_else(|| Name::suggest(last))
        .ok_or_else(|| KubeError::NoName(image.to_string()))
}

/// Returns the name, or the one that follows from the URL of a repository.
pub(super) fn of_url(name: Option<&Name>, url: &str) -> Result<Name, KubeError> {
    let path = url.trim_end_matches('/');
    let last = path.rsplit(['/', ':']).next().unwrap_or_default();
    let last = last.strip_suffix(".git").unwrap_or(last);
    name.cloned()
        .or_else(|| Name::suggest(last))
        .ok_or_else(|| KubeError::NoName(url.into()))
}
