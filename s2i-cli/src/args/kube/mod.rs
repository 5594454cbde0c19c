//! The command lines of `s2i kube`.

mod app;
mod builds;
mod cronjob;
mod job;
mod needs;
mod pipelines;
mod repository;
mod secret;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use s2i_kube::{Reference, document::Format};

pub(crate) use self::{
    app::{App, Check, PortArgs},
    builds::{BuildArgs, BuildConfig, ImageStream, NewApp},
    cronjob::CronJob,
    job::Job,
    needs::{ApplicationArgs, Pvc, Rbac},
    pipelines::{Kubesphere, Shipwright, Tekton},
    repository::RepositoryArgs,
    secret::{BuildSecret, GitSecret, RegistrySecret, Secret},
};

/// Write objects for Kubernetes and OpenShift, and check them.
#[derive(Debug, Args)]
pub(crate) struct Kube {
    #[command(subcommand)]
    pub(crate) command: KubeCommand,
}

impl Kube {
    /// Returns the file that the command reads the logins for registries from, if it names one.
    pub(super) fn credential_file(&self) -> Option<&Path> {
        match &self.command {
            KubeCommand::App(args) => args.credentials.file(),
            KubeCommand::NewApp(args) => args.credentials.file(),
            KubeCommand::Job(args) => args.build.args.credentials.file(),
            KubeCommand::Secret(Secret::Registry(args)) => args.credentials.file(),
            _ => None,
        }
    }
}

/// The commands of `s2i kube`. All but the last two write objects to standard output, for `kubectl apply -f -`, or apply
/// them.
#[derive(Debug, Subcommand)]
pub(crate) enum KubeCommand {
    /// Write the Deployment and the Service of an image
    App(Box<App>),
    /// Write the Job of a build of a Git repository, as `s2i build --on cluster` creates it
    Job(Box<Job>),
    /// Write a Secret for builds in a cluster: logins for registries, a login for a Git server, or secrets of `assemble`
    #[command(subcommand)]
    Secret(Secret),
    /// Write the rights to build in a namespace: a Role and its binding
    Rbac(Rbac),
    /// Write the claim of a volume for the artifacts of builds
    Pvc(Pvc),
    /// Write a CronJob that builds images again after their base has changed
    #[command(name = "cronjob")]
    CronJob(Box<CronJob>),
    /// Write an image stream of OpenShift
    #[command(name = "imagestream")]
    ImageStream(ImageStream),
    /// Write the builds of an application for OpenShift, with their image streams
    #[command(name = "buildconfig")]
    BuildConfig(Box<BuildConfig>),
    /// Write the builds of an application for OpenShift and all that runs it, as `oc new-app BUILDER~URL` makes them
    NewApp(Box<NewApp>),
    /// Write a Task of Tekton that builds without privileges
    Tekton(Tekton),
    /// Write a strategy of Shipwright that builds without privileges, and a build
    Shipwright(Box<Shipwright>),
    /// Write a builder of KubeSphere and a run of it
    Kubesphere(Box<Kubesphere>),
    /// Find what in objects can't work, and what is a risk
    Lint(Lint),
    /// Show the commands that replace the builds of OpenShift in a file
    #[command(name = "import-buildconfig")]
    Import(Import),
}

impl KubeCommand {
    /// Returns the options of a command that writes objects.
    pub(crate) fn objects(&self) -> Option<&ObjectArgs> {
        Some(match self {
            Self::App(args) => &args.objects,
            Self::Job(args) => &args.objects,
            Self::Secret(args) => args.objects(),
            Self::Rbac(args) => &args.objects,
            Self::Pvc(args) => &args.objects,
            Self::CronJob(args) => &args.objects,
            Self::ImageStream(args) => &args.objects,
            Self::BuildConfig(args) => &args.objects,
            Self::NewApp(args) => &args.objects,
            Self::Tekton(args) => &args.objects,
            Self::Shipwright(args) => &args.objects,
            Self::Kubesphere(args) => &args.objects,
            Self::Lint(_) | Self::Import(_) => return None,
        })
    }
}

/// The options of all commands that write objects.
#[derive(Debug, Args)]
pub(crate) struct ObjectArgs {
    /// Write the objects as a stream of YAML documents or as JSON: yaml or json
    #[arg(short, long, value_name = "FORMAT", default_value = "yaml")]
    pub(crate) output: Format,
    /// Put the objects into this namespace; by default, it is that of the client that applies them
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<Reference>,
    /// Apply the objects to the cluster instead of writing them: it checks all of them before the first is created
    #[arg(long, conflicts_with = "output")]
    pub(crate) apply: bool,
    /// Apply them to the cluster of this context of the kubeconfig
    #[arg(long, value_name = "CONTEXT", requires = "apply")]
    pub(crate) context: Option<String>,
    /// Take over fields of objects that another client has set
    #[arg(long, requires = "apply")]
    pub(crate) force_conflicts: bool,
}

impl ObjectArgs {
    /// Returns the namespace that the objects name.
    pub(crate) fn namespace(&self) -> Option<String> {
        self.namespace.as_ref().map(ToString::to_string)
    }
}

/// Show the commands that replace the builds of OpenShift in a file.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// File with builds and their image streams, as `oc get bc,is -o yaml` writes it; `-` for standard input
    pub(crate) file: PathBuf,
}

/// Find what in objects can't work, and what is a risk.
#[derive(Debug, Args)]
pub(crate) struct Lint {
    /// File with objects as YAML or JSON; `-` for standard input
    pub(crate) file: PathBuf,
    /// Leave out choices that may be meant, such as tags without a digest
    #[arg(long)]
    pub(crate) no_notes: bool,
}
