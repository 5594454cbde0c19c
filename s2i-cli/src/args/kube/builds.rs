//! The command lines of `s2i kube imagestream`, `buildconfig` and `new-app`.

use std::path::PathBuf;

use clap::Args;
use s2i_build::source::location::SourceLocation;
use s2i_core::{ImageRef, mapping::MappingList};
use s2i_kube::{
    Name, Reference,
    openshift::{StreamTag, Webhook},
};

use super::{ObjectArgs, PortArgs, RepositoryArgs};
use crate::args::credentials::CredentialArgs;

/// Write an image stream of OpenShift.
#[derive(Debug, Args)]
pub(crate) struct ImageStream {
    /// Tag of the image stream, `[NAMESPACE/]STREAM[:TAG]`
    pub(crate) tag: StreamTag,
    /// Image in a registry that the tag follows; by default, the stream is for images of builds
    pub(crate) image: Option<ImageRef>,
    /// Import the image once instead of again and again
    #[arg(long, requires = "image")]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
}

/// Write the builds of an application for OpenShift, with their image streams.
#[derive(Debug, Args)]
pub(crate) struct BuildConfig {
    /// URL of a Git repository; `#REF` selects a branch, tag or commit. With --binary, any directory
    pub(crate) source: SourceLocation,
    /// Builder: a tag of an image stream, `[NAMESPACE/]STREAM[:TAG]`, or an image with its registry, which is imported
    pub(crate) builder: String,
    /// Name of the application, and the tag of its image: `NAME[:TAG]`
    pub(crate) app: StreamTag,
    /// Build the files that `oc start-build --from-dir` sends, instead of a repository
    #[arg(long, conflicts_with_all = ["git_ref", "git_secret", "webhooks"])]
    pub(crate) binary: bool,
    #[command(flatten)]
    pub(crate) build: BuildArgs,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
}

/// Write the builds of an application for OpenShift and all that runs it.
#[derive(Debug, Args)]
pub(crate) struct NewApp {
    /// Builder and URL of a Git repository; `#REF` selects a branch, tag or commit. The builder is a tag of an image
    /// stream, `[NAMESPACE/]STREAM[:TAG]`, or an image with its registry, which is imported
    #[arg(value_name = "BUILDER~URL")]
    pub(crate) source: String,
    /// Name of the application; by default, the last part of the URL
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<Name>,
    /// Keep the image stream of an imported builder in this namespace, and share it with that of the application
    #[arg(long, value_name = "NAME")]
    pub(crate) builder_namespace: Option<Reference>,
    #[command(flatten)]
    pub(crate) ports: PortArgs,
    #[command(flatten)]
    pub(crate) build: BuildArgs,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
}

/// The options of builds.
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub(crate) repository: RepositoryArgs,
    /// Build the builder image too, from the Dockerfile in this Git repository
    #[arg(long, value_name = "URL")]
    pub(crate) builder_source: Option<String>,
    /// Base image of the builder, which replaces the last FROM of its Dockerfile: a new one builds the builder again
    #[arg(long, value_name = "IMAGE", requires = "builder_source")]
    pub(crate) builder_base: Option<ImageRef>,
    /// Copy the artifacts into this runtime image, which becomes the base of the result
    #[arg(long, value_name = "IMAGE", requires = "runtime_artifact")]
    pub(crate) runtime_image: Option<ImageRef>,
    /// Build the result with this Dockerfile, beside the artifacts
    #[arg(
        long,
        value_name = "FILE",
        requires = "runtime_artifact",
        conflicts_with = "runtime_image"
    )]
    pub(crate) runtime_dockerfile: Option<PathBuf>,
    /// Artifacts to copy into the runtime image, `SOURCE[:DIRECTORY]`, separated by `;`
    #[arg(short = 'a', long, value_name = "PATHS")]
    pub(crate) runtime_artifact: Vec<MappingList>,
    /// Push the result to another registry, under this name, instead of into an image stream
    #[arg(long, value_name = "IMAGE")]
    pub(crate) push_to: Option<ImageRef>,
    /// Secret with the login for that registry
    #[arg(long, value_name = "NAME", requires = "push_to")]
    pub(crate) push_secret: Option<Reference>,
    /// Secret with the login for the registry of the builder
    #[arg(long, value_name = "NAME")]
    pub(crate) pull_secret: Option<Reference>,
    /// Start a build for calls of a webhook, with a Secret that has the key `WebHookSecretKey`: `KIND=SECRET`, where the
    /// kind is generic, github, gitlab or bitbucket
    #[arg(long = "webhook", id = "webhooks", value_name = "KIND=SECRET")]
    pub(crate) webhooks: Vec<Webhook>,
    /// End a build after this number of seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) deadline: Option<u64>,
}
