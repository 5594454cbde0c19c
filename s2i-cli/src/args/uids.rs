//! The option for the users that scripts may run as.

use clap::Args;
use s2i_core::UidRanges;

/// The user IDs that scripts may run as.
#[derive(Clone, Debug, Args)]
pub(crate) struct AllowedUids {
    /// Allow scripts to run only as users with these IDs, for example 1- or 1000-1999,65534; names are looked up
    /// in the image
    #[arg(
        short = 'u',
        long = "allowed-uids",
        value_name = "RANGES",
        allow_hyphen_values = true,
        overrides_with = "ranges"
    )]
    ranges: Option<UidRanges>,
}

impl AllowedUids {
    /// Returns the ranges of the option, or else those of the configuration.
    pub(crate) fn or(&self, configured: &UidRanges) -> UidRanges {
        self.ranges.as_ref().unwrap_or(configured).clone()
    }
}
