//! The command line of `s2i create`.

use std::path::PathBuf;

use clap::Args;
use s2i_core::ImageRef;

use super::images::new_name;

/// Write the skeleton of a builder image.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Name of the builder image
    #[arg(value_parser = new_name)]
    pub(crate) image: ImageRef,
    /// Directory for the files, which is created if it is missing; files that exist are kept
    pub(crate) destination: PathBuf,
}
