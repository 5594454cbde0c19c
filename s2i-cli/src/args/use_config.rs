//! The option that repeats a build.

use clap::Args;

/// The option that repeats a build.
#[derive(Debug, Args)]
pub(crate) struct UseConfig {
    /// Repeat the build that the file `.s2ifile` of this directory describes, and keep this one there; options and
    /// names of the command line win. Secrets are not kept
    #[arg(long)]
    pub(crate) use_config: bool,
}
