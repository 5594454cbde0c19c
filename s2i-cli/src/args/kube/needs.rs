//! The command lines of `s2i kube rbac` and `pvc`: what builds in a cluster need besides Secrets.

use clap::{ArgGroup, Args};
use s2i_kube::job::Quantity;

use super::ObjectArgs;

/// Write the rights to build in a namespace.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("subject").required(true))]
pub(crate) struct Rbac {
    /// Give the rights to this user, as the login of the cluster names it
    #[arg(long, value_name = "NAME", group = "subject")]
    pub(crate) user: Option<String>,
    /// Give the rights to this group, as the login of the cluster names it
    #[arg(long, value_name = "NAME", group = "subject")]
    pub(crate) group: Option<String>,
    /// Give the rights to this service account of the namespace, which exists
    #[arg(long, value_name = "NAME", group = "subject")]
    pub(crate) service_account: Option<String>,
    /// Give the rights to a new service account of this name
    #[arg(long, value_name = "NAME", group = "subject")]
    pub(crate) new_service_account: Option<String>,
    /// Give the rights of the Job that `s2i kube cronjob` writes, instead of those of users who build
    #[arg(long)]
    pub(crate) rebuild: bool,
    /// Give the rights of builds for the operator of KubeSphere, whose service account is s2irun
    #[arg(long, conflicts_with = "rebuild")]
    pub(crate) kubesphere: bool,
    /// Name of the Role and its binding; by default, s2i-build, s2i-rebuild or s2i-kubesphere
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
}

/// Write the claim of a volume for the artifacts of builds.
#[derive(Debug, Args)]
pub(crate) struct Pvc {
    /// Name of the claim, for --cache-claim
    pub(crate) name: String,
    /// Size of the volume
    #[arg(long, value_name = "SIZE", default_value = "5Gi")]
    pub(crate) size: Quantity,
    /// Storage class; by default, that of the cluster
    #[arg(long, value_name = "NAME")]
    pub(crate) storage_class: Option<String>,
    #[command(flatten)]
    pub(crate) application: ApplicationArgs,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
}

/// The application that an object belongs to.
#[derive(Debug, Args)]
pub(crate) struct ApplicationArgs {
    /// Name of the application, for the label app.kubernetes.io/name; by default, that of the object
    #[arg(long = "app", value_name = "NAME")]
    application: Option<String>,
}

impl ApplicationArgs {
    /// Returns the application, or else this name.
    pub(crate) fn or<'a>(&'a self, name: &'a str) -> &'a str {
        self.application.as_deref().unwrap_or(name)
    }
}
