//! The errors of `s2i kube`.

use s2i_core::ImageRef;
use s2i_kube::{
    app::AppError,
    document::ReadError,
    job::JobError,
    kubesphere::KubeSphereError,
    openshift::{BuilderAndSourceError, ChainError, DockerfileError, NewAppError, StreamTagError},
};
use thiserror::Error;

/// The reason why objects can't be written or checked.
#[derive(Debug, Error)]
pub(crate) enum KubeError {
    #[error(transparent)]
    App(#[from] AppError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    NewApp(#[from] NewAppError),
    #[error(transparent)]
    BuilderAndSource(#[from] BuilderAndSourceError),
    #[error(transparent)]
    Dockerfile(#[from] DockerfileError),
    #[error(transparent)]
    KubeSphere(#[from] KubeSphereError),
    #[error(transparent)]
    Job(#[from] JobError),
    #[error("the tag of the builder is not valid")]
    Tag(#[from] StreamTagError),
    #[error("can't read the objects in `{file}`")]
    Read { file: String, source: ReadError },
    /// A value has control characters or bidirectional controls.
    #[error("a value of the objects has a character that can't be printed")]
    NotPrintable,
    /// No name of an object follows from a name.
    #[error("no name for objects follows from `{0}`")]
    NoName(String),
    /// The source is in a directory of this machine.
    #[error("the cluster can't read the directory `{0}`")]
    Directory(String),
    /// The source of a Job is in a directory of this machine.
    #[error("a document can't have the directory `{0}` in it")]
    NotInDocument(String),
    /// Rights are those in one namespace.
    #[error("the rights need a namespace")]
    NoNamespace,
    /// The rights are those of nothing.
    #[error("the rights need a user, a group or a service account")]
    NoSubject,
    /// A registry without a login that could be copied.
    #[error("there is no login for `{0}` on this machine")]
    NoLogin(String),
    /// A URL has a login.
    #[error("the URL `{0}` has a login, and more users may read objects than Secrets")]
    Login(String),
    /// The image names its user.
    #[error("`{image}` has the user `{user}`, and the platform can't decide whether it is root")]
    UserName { image: ImageRef, user: String },
    /// The image runs as root.
    #[error("`{0}` runs as root, and pods of the `restricted` standard can't")]
    Root(ImageRef),
}

impl KubeError {
    /// Returns what a user can do.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotPrintable => {
                "look for control characters in the values of --env and in the Dockerfile"
            }
            Self::NoName(_) => "choose one with --name",
            Self::Directory(_) => {
                "push it to a Git repository and name its URL; or, for OpenShift, send it with each build: --binary"
            }
            Self::NotInDocument(_) => {
                "upload it with `s2i build --on cluster`, or push it to a Git repository and name its URL"
            }
            Self::NoNamespace => "name it with --namespace",
            Self::NoLogin(_) => "log in first: `s2i login REGISTRY`",
            Self::Login(_) => "put the login into a Secret, and name that with --git-secret",
            Self::UserName { .. } | Self::Root(_) => "name the number of another user with --uid",
            _ => return None,
        })
    }
}
