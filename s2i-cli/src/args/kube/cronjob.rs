//! The command line of `s2i kube cronjob`.

use clap::Args;
use s2i_core::ImageRef;
use s2i_kube::job::AGENT_KUBE_IMAGE;

use super::{ApplicationArgs, ObjectArgs};

/// Write a CronJob that builds images again after their base has changed.
#[derive(Debug, Args)]
pub(crate) struct CronJob {
    /// Images that s2i has built from a Git repository
    #[arg(
        value_name = "IMAGE",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    pub(crate) images: Vec<ImageRef>,
    /// Look at all images of which the namespace has a build that succeeded
    #[arg(long)]
    pub(crate) all: bool,
    /// Name of the CronJob; by default, it follows from the name of the first image, or it is s2i-rebuild
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Times of the check: the five fields of cron, or @hourly, @daily, @weekly, @monthly or @yearly
    #[arg(long, value_name = "TIMES", default_value = "0 4 * * *")]
    pub(crate) schedule: String,
    /// Time zone of these times, such as Europe/Vienna; by default, that of the cluster
    #[arg(long, value_name = "ZONE")]
    pub(crate) time_zone: Option<String>,
    /// Service account with the rights of `s2i kube rbac --rebuild`
    #[arg(long, value_name = "NAME", default_value = "s2i-rebuild")]
    pub(crate) service_account: String,
    /// Secret with the logins to look images up
    #[arg(long, value_name = "NAME")]
    pub(crate) pull_secret: Option<String>,
    /// Image of s2i with the client of clusters
    #[arg(long, value_name = "IMAGE", default_value = AGENT_KUBE_IMAGE)]
    pub(crate) agent_image: String,
    /// User ID of the check
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
    /// Options of `s2i build --on cluster` for the builds; without one, the last Job of an image is repeated, while the
    /// cluster keeps it
    #[arg(last = true, value_name = "OPTION")]
    pub(crate) options: Vec<String>,
    #[command(flatten)]
    pub(crate) application: ApplicationArgs,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
}
