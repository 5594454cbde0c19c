//! The command line of builds in a Kubernetes cluster.

use std::{num::ParseIntError, str::FromStr, time::Duration};

use clap::{Args, Subcommand};

use super::cluster_rebuild::RebuildImages;

/// The place of a build that is no engine of this machine: a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OnCluster {
    /// The context of the kubeconfig; without one the current one, or the cluster around this process.
    pub(crate) context: Option<String>,
}

impl FromStr for OnCluster {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, context) = match text.split_once(':') {
            Some((name, context)) => (name, Some(context.to_owned())),
            None => (text, None),
        };
        if name != "cluster" || context.as_deref() == Some("") {
            return Err("use `cluster` or `cluster:CONTEXT`".into());
        }
        Ok(Self { context })
    }
}

/// The options of a build in a cluster.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of builds in a Kubernetes cluster")]
pub(crate) struct ClusterArgs {
    /// Build in a Kubernetes cluster and push the result: `cluster`, or `cluster:CONTEXT` with a context of the
    /// kubeconfig
    #[arg(long, value_name = "WHERE", conflicts_with_all = ["load", "output", "run", "as_dockerfile", "dry_run"])]
    pub(crate) on: Option<OnCluster>,
    #[command(flatten)]
    pub(crate) job: JobArgs,
    /// Give up when the build waits longer than this time for a node or, only if this is given, for a claim that another
    /// build uses: in seconds or as 5m or 2h; 5m for a node by default
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "on")]
    pub(crate) wait: Option<Duration>,
    /// End when the cluster has the source; the build goes on
    #[arg(long, requires = "on")]
    pub(crate) detach: bool,
}

/// The options of the Job of a build.
#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    /// Build in this namespace; by default, in that of the context
    #[arg(long, requires = "on", value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Log in to registries with this Secret of the type kubernetes.io/dockerconfigjson
    #[arg(long, requires = "on", value_name = "SECRET")]
    pub(crate) push_secret: Option<String>,
    /// Look images up with the logins of this Secret; by default, with those of --push-secret
    #[arg(long, requires = "on", value_name = "SECRET")]
    pub(crate) pull_secret: Option<String>,
    /// Let the nodes pull the images of the build with this Secret; may be given more than once
    #[arg(long, requires = "on", value_name = "SECRET")]
    pub(crate) image_pull_secret: Vec<String>,
    /// Clone the source with the login in this Secret, kubernetes.io/basic-auth or kubernetes.io/ssh-auth
    #[arg(long, requires = "on", value_name = "SECRET")]
    pub(crate) git_secret: Option<String>,
    /// Pass each entry of this Secret to `assemble` as a variable; may be given more than once
    #[arg(long, requires = "on", value_name = "SECRET")]
    pub(crate) build_secret: Vec<String>,
    /// Keep the artifacts of builds in this claim of a volume
    #[arg(long, requires = "on", value_name = "CLAIM")]
    pub(crate) cache_claim: Option<String>,
    /// Run the pod with this service account, without a token of it
    #[arg(long, requires = "on", value_name = "NAME")]
    pub(crate) service_account: Option<String>,
    /// Use this image for the steps of s2i itself
    #[arg(long, requires = "on", value_name = "IMAGE")]
    pub(crate) agent_image: Option<String>,
    /// Limit the files of the build: source, layers and artifacts
    #[arg(long, requires = "on", value_name = "SIZE", default_value = "8Gi")]
    pub(crate) size_limit: String,
    /// End the build after this time, in seconds or as 30m or 2h
    #[arg(long, requires = "on", value_name = "TIME", value_parser = duration, default_value = "1h")]
    pub(crate) deadline: Duration,
    /// Try the build again this many times after a failure that is not that of a script
    #[arg(long, requires = "on", value_name = "NUMBER", default_value_t = 1)]
    pub(crate) retries: u32,
    /// Remove the Job and its log this time after its end
    #[arg(long, requires = "on", value_name = "TIME", value_parser = duration, default_value = "24h")]
    pub(crate) keep_for: Duration,
    /// Let the platform assign the user of the pod, as OpenShift does
    #[arg(long, requires = "on")]
    pub(crate) openshift: bool,
}

impl JobArgs {
    /// The identifiers of these options, which are those of the Job and not of the build in it.
    pub(crate) const IDS: [&'static str; 14] = [
        "namespace",
        "push_secret",
        "pull_secret",
        "image_pull_secret",
        "git_secret",
        "build_secret",
        "cache_claim",
        "service_account",
        "agent_image",
        "size_limit",
        "deadline",
        "retries",
        "keep_for",
        "openshift",
    ];
}

/// Parses a time: seconds, or a number with `s`, `m` or `h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3600),
        _ => (text, 1),
    };
    let number: u32 = number
        .parse()
        .map_err(|err: ParseIntError| format!("{err}: use seconds, or a number with s, m or h"))?;
    Ok(Duration::from_secs(u64::from(number) * unit))
}

/// The cluster and the namespace of a command.
#[derive(Debug, Args)]
pub(crate) struct Where {
    /// Use this context of the kubeconfig
    #[arg(long, value_name = "CONTEXT")]
    pub(crate) context: Option<String>,
    /// Use this namespace
    #[arg(long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
}

/// Builds in a Kubernetes cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum Cluster {
    /// Show what the cluster lacks for builds, and how to mend it
    Check {
        #[command(flatten)]
        place: Where,
        /// Look also for a storage class for caches
        #[arg(long)]
        cache: bool,
    },
    /// List the builds of a namespace
    List {
        #[command(flatten)]
        place: Where,
        /// List only the builds of this application
        application: Option<String>,
    },
    /// Show the log of a build, and follow it to its end
    Logs(Named),
    /// Wait for the end of a build, and print the image
    Wait(Named),
    /// Remove a build and its pods
    Cancel {
        /// Name of the build's Job
        name: String,
        #[command(flatten)]
        place: Where,
    },
    /// Start a build again, with a source that the cluster can get by itself
    Retry(Named),
    /// Build images again from the Git repositories in their labels
    Rebuild(RebuildImages),
    /// Build what the operator of KubeSphere asks for, in the pod that it has created for it
    Kubesphere,
}

/// A build in a cluster.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Name of the build's Job
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) place: Where,
    /// Give up when the build waits longer than this time for a node or, only if this is given, for a claim that another
    /// build uses; 5m for a node by default
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
}
