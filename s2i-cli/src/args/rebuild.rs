//! The command line of `s2i rebuild`.

use clap::Args;
use s2i_build::request::PullPolicy;
use s2i_core::{ContainerPath, ImageRef};

use super::{credentials::CredentialArgs, previous::PreviousArgs, result::ResultArgs};

/// Build an image again from the source in its labels.
#[derive(Debug, Args)]
pub(crate) struct Rebuild {
    /// Image that s2i has built
    pub(crate) image: ImageRef,
    /// Name of the new image; by default, that of the old one
    #[arg(value_name = "NEW-TAG")]
    pub(crate) tag: Option<ImageRef>,
    /// When to pull the image and its builder: always, if-not-present or never
    #[arg(short, long, value_name = "WHEN", default_value = "if-not-present")]
    pub(crate) pull_policy: PullPolicy,
    /// Upload the source, scripts and artifacts below this directory instead of the builder image's default
    #[arg(short, long, value_name = "PATH")]
    pub(crate) destination: Option<ContainerPath>,
    #[command(flatten)]
    pub(crate) previous: PreviousArgs,
    /// Do not show what scripts write to standard output
    #[arg(short, long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
    /// After the build, post its labels and whether it succeeded to this URL, as JSON
    #[arg(long, value_name = "URL")]
    pub(crate) callback_url: Option<String>,
    #[command(flatten)]
    pub(crate) ignored: IgnoredOfRebuild,
}

/// Options of the Go tool that have no effect here.
#[derive(Debug, Args)]
pub(crate) struct IgnoredOfRebuild {
    #[arg(long, hide = true)]
    runtime_pull_policy: Option<PullPolicy>,
    #[arg(long, hide = true)]
    save_temp_dir: bool,
}

impl Rebuild {
    /// Returns the options for the use of the result.
    pub(crate) fn result(&self) -> ResultArgs {
        ResultArgs::with_callback(self.callback_url.clone())
    }
}
