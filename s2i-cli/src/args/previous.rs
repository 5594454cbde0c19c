//! The options for incremental builds.

use std::path::PathBuf;

use clap::Args;
use s2i_build::{
    BuildFailure,
    plan::PlanError,
    request::{PreviousRequest, PullPolicy},
};
use s2i_core::ImageRef;

use crate::error::Error;

/// The image of the previous build.
#[derive(Clone, Debug, Args)]
pub(crate) struct PreviousArgs {
    /// Start with the artifacts that the previous build saved
    #[arg(long)]
    pub(crate) incremental: bool,
    /// Take the artifacts from this image instead of the one that has the name of the result
    #[arg(long, value_name = "IMAGE", requires = "incremental")]
    incremental_from_tag: Option<ImageRef>,
    /// When to pull the image of the previous build: always, if-not-present or never
    #[arg(long, value_name = "WHEN", default_value = "if-not-present")]
    incremental_pull_policy: PullPolicy,
    /// Remove the image of the previous build after an incremental build, unless it has other names
    #[arg(long)]
    rm: bool,
    /// Keep the artifacts for the next build in this directory instead of an image
    #[arg(long, value_name = "DIR", conflicts_with = "incremental")]
    pub(crate) cache_dir: Option<PathBuf>,
}

impl PreviousArgs {
    /// Returns the request for a build that gets this name. `is_split` is true for builds with a runtime image.
    pub(crate) fn request(
        &self,
        name: Option<&ImageRef>,
        is_split: bool,
    ) -> Result<Option<PreviousRequest>, Error> {
        if !self.incremental {
            return Ok(None);
        }
        let name = name.ok_or_else(|| BuildFailure::from(PlanError::NoTag))?;
        let previous = PreviousRequest::of(name, is_split, self.incremental_pull_policy)?;
        Ok(Some(PreviousRequest {
            from: self.incremental_from_tag.clone(),
            remove: self.rm,
            ..previous
        }))
    }
}
