//! The options of builds of a repository that all systems on a cluster have.

use clap::Args;
use s2i_core::EnvVar;
use s2i_kube::Reference;

/// The options of builds of a repository.
#[derive(Debug, Args)]
pub(crate) struct RepositoryArgs {
    /// Build this subdirectory of the source
    #[arg(long, value_name = "DIR")]
    pub(crate) context_dir: Option<String>,
    /// Check out this branch, tag or commit
    #[arg(short = 'r', long = "ref", value_name = "REF")]
    pub(crate) git_ref: Option<String>,
    /// Secret with the login for the repository
    #[arg(long, value_name = "NAME")]
    pub(crate) git_secret: Option<Reference>,
    /// Set an environment variable for the scripts and in the resulting image
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<EnvVar>,
    /// Start a build with the artifacts of the last image
    #[arg(long)]
    pub(crate) incremental: bool,
}
