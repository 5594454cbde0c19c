//! The command line of `s2i cluster rebuild`.

use std::time::Duration;

use clap::Args;
use s2i_core::ImageRef;

use super::cluster::{Where, duration};

/// Build images again whose source the cluster can get by itself.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
pub(crate) struct RebuildImages {
    /// Images that s2i has built from a Git repository
    #[arg(
        value_name = "IMAGE",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    pub(crate) images: Vec<ImageRef>,
    /// Build all images again of which the namespace has a build that succeeded
    #[arg(long)]
    pub(crate) all: bool,
    /// Build only if a registry has another builder or runtime image by now than the image stands on
    #[arg(long)]
    pub(crate) if_base_changed: bool,
    /// Show what would be built, and build nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// End when the builds are created; they go on
    #[arg(long)]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) place: Where,
    /// Give up when a build waits longer than this time for a node or, only if this is given, for a claim that another
    /// build uses: in seconds or as 5m or 2h; 5m for a node by default
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
    /// Options of `s2i build --on cluster` for the builds; without one, the last Job of an image is repeated, while the
    /// cluster keeps it
    #[arg(last = true, value_name = "OPTION")]
    pub(crate) options: Vec<String>,
}
