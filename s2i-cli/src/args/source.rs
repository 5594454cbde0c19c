//! The options about the source of a build.

use clap::Args;
use s2i_build::plan::Submodules;

/// The options about the source.
#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// Leave the directories of Git submodules empty
    #[arg(long)]
    ignore_submodules: bool,
}

impl SourceArgs {
    /// Returns the treatment of submodules.
    pub(crate) fn submodules(&self) -> Submodules {
        if self.ignore_submodules {
            Submodules::Ignore
        } else {
            Submodules::Fetch
        }
    }
}
