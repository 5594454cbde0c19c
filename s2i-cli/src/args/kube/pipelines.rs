//! The command lines of `s2i kube tekton`, `shipwright` and `kubesphere`.

use clap::Args;
use s2i_build::source::location::SourceLocation;
use s2i_core::{ImageRef, mapping::MappingList};
use s2i_kube::{Name, Reference};

use super::{ObjectArgs, RepositoryArgs};

/// The options of the steps of s2i.
#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    /// Image of s2i for the steps without user code
    #[arg(long, value_name = "IMAGE", default_value = s2i_kube::AGENT_IMAGE)]
    pub(crate) agent_image: ImageRef,
    /// User ID of all steps, which is that of the builder image
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1001,
        conflicts_with = "openshift"
    )]
    pub(crate) uid: u32,
    /// Leave the user to OpenShift, which assigns one to each namespace
    #[arg(long)]
    pub(crate) openshift: bool,
}

impl AgentArgs {
    /// Returns the user ID, if the platform does not assign one.
    pub(crate) fn uid(&self) -> Option<u32> {
        (!self.openshift).then_some(self.uid)
    }
}

/// Write a Task of Tekton that builds without privileges.
#[derive(Debug, Args)]
pub(crate) struct Tekton {
    /// Name of the Task
    #[arg(default_value = "s2i")]
    pub(crate) name: Name,
    /// Limit the size of source and layer together, as a quantity, for example 4Gi
    #[arg(long, value_name = "SIZE")]
    pub(crate) size_limit: Option<String>,
    #[command(flatten)]
    pub(crate) agent: AgentArgs,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
}

/// Write a strategy of Shipwright that builds without privileges, and a build.
#[derive(Debug, Args)]
pub(crate) struct Shipwright {
    /// URL of a Git repository; `#REF` selects a branch, tag or commit. A directory stands for one that a client uploads.
    /// Without it, only the strategy is written
    #[arg(requires = "image")]
    pub(crate) source: Option<SourceLocation>,
    /// Builder image
    pub(crate) builder: Option<ImageRef>,
    /// Name of the resulting image
    pub(crate) image: Option<ImageRef>,
    /// Name of the build; by default, the last part of that of the image
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<Name>,
    /// Name of the strategy
    #[arg(long, value_name = "NAME", default_value = "s2i")]
    pub(crate) strategy: Name,
    /// Write a strategy for the namespace alone
    #[arg(long, requires = "namespace")]
    pub(crate) namespaced: bool,
    /// Copy the artifacts into this runtime image, which becomes the base of the result
    #[arg(long, value_name = "IMAGE")]
    pub(crate) runtime_image: Option<ImageRef>,
    /// Write a run of the build too, for `kubectl create -f -`
    #[arg(long, requires = "image")]
    pub(crate) run: bool,
    /// Let the run wait this number of minutes for an upload
    #[arg(long, value_name = "MINUTES", default_value_t = 5)]
    pub(crate) upload_minutes: u16,
    #[command(flatten)]
    pub(crate) build: PipelineArgs,
    #[command(flatten)]
    pub(crate) agent: AgentArgs,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
}

/// Write a builder of KubeSphere and a run of it.
#[derive(Debug, Args)]
pub(crate) struct Kubesphere {
    /// URL of a Git repository; `#REF` selects a branch, tag or commit
    pub(crate) source: SourceLocation,
    /// Builder image
    pub(crate) builder: ImageRef,
    /// Name of the resulting image
    pub(crate) image: ImageRef,
    /// Name of the objects; by default, the last part of that of the image
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<Name>,
    /// Copy the artifacts into this runtime image, which becomes the base of the result
    #[arg(long, value_name = "IMAGE")]
    pub(crate) runtime_image: Option<ImageRef>,
    /// Artifacts to copy into the runtime image, `SOURCE[:DIRECTORY]`, separated by `;`
    #[arg(short = 'a', long, value_name = "PATHS", requires = "runtime_image")]
    pub(crate) runtime_artifact: Vec<MappingList>,
    /// Write a template for this language too, which users of the console pick
    #[arg(long, value_name = "LANGUAGE")]
    pub(crate) template: Option<Name>,
    #[command(flatten)]
    pub(crate) build: PipelineArgs,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
}

/// The options of builds in pipelines.
#[derive(Debug, Args)]
pub(crate) struct PipelineArgs {
    #[command(flatten)]
    pub(crate) repository: RepositoryArgs,
    /// Secret with the login for the registry of the result
    #[arg(long, value_name = "NAME")]
    pub(crate) push_secret: Option<Reference>,
}
