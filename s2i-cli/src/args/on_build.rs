//! The option for builder images with triggers.

use clap::Args;
use s2i_build::request::OnBuild;

/// The treatment of the `ONBUILD` triggers of a builder image.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct OnBuildArgs {
    /// Refuse a builder image with ONBUILD triggers instead of running them
    #[arg(long = "block-onbuild")]
    block: bool,
}

impl OnBuildArgs {
    /// Returns the treatment of a builder with triggers.
    pub(crate) fn treatment(self) -> OnBuild {
        if self.block {
            OnBuild::Refuse
        } else {
            OnBuild::Run
        }
    }
}
