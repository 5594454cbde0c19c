//! The command line of `s2i inspect`.

use clap::Args;
use s2i_core::ImageRef;

use super::credentials::CredentialArgs;

/// Describe an image: its settings for s2i, its uses and the build that made it.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Image, by name or ID
    pub(crate) image: ImageRef,
    /// Print machine-readable JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Ask the registry of the name instead of an engine; nothing is pulled
    #[arg(long)]
    pub(crate) registry: bool,
    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
}
