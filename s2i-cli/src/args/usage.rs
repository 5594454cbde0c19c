//! The command line of `s2i usage`.

use clap::Args;
use s2i_build::request::PullPolicy;
use s2i_core::{EnvVar, ImageRef};

use super::{credentials::CredentialArgs, legacy::IgnoredOptions, uids::AllowedUids};

/// Show how to use a builder image.
#[derive(Debug, Args)]
#[command(after_help = "\
The answer is that of the image's script `usage`, which runs in a container without network. With --json \
it is always a JSON object: the answer of the script to `--json`, or else its text as {\"text\": …}.")]
pub(crate) struct Usage {
    /// Builder image
    #[arg(value_name = "BUILDER")]
    pub(crate) image: ImageRef,
    /// Print machine-readable JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Set an environment variable for the script
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<EnvVar>,
    /// When to pull the image: always, if-not-present or never
    #[arg(short, long, value_name = "WHEN", default_value = "if-not-present")]
    pub(crate) pull_policy: PullPolicy,
    #[command(flatten)]
    pub(crate) allowed: AllowedUids,
    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
    #[command(flatten)]
    pub(crate) ignored: IgnoredOptions,
}
