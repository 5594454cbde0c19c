//! The options for the use of the image that a build makes.

use std::path::{Path, PathBuf};

use clap::Args;
use s2i_core::ImageRef;
use s2i_oci::layer::Compression;

use super::images::new_name;

/// The use of the result.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ResultArgs {
    /// Name the resulting image; may be given more than once
    #[arg(short = 't', long = "tag", id = "names", value_name = "NAME", value_parser = new_name, conflicts_with = "load")]
    names: Vec<ImageRef>,
    /// Push the resulting image to the registry in each of its names
    #[arg(long, conflicts_with_all = ["load", "dry_run", "as_dockerfile"])]
    pub(crate) push: bool,
    /// Compress the layers that are pushed with `gzip`, which is the default, or with `zstd` or `zstd:LEVEL`; for the
    /// embedded engine
    #[arg(long, value_name = "HOW", requires = "push")]
    pub(crate) compression: Option<Compression>,
    /// Write the resulting image as an archive, for `docker load` and OCI tools, to this file or, with `-`, to
    /// standard output
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["load", "dry_run", "as_dockerfile"])]
    pub(crate) output: Option<PathBuf>,
    /// Run the resulting image after the build, with all its ports published, and exit with its status
    #[arg(long, conflicts_with_all = ["load", "dry_run", "as_dockerfile"])]
    pub(crate) run: bool,
    /// Write the ID of the resulting image to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) iidfile: Option<PathBuf>,
    /// Write the ID, the digest, the names, the builder and the source of the resulting image to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata_file: Option<PathBuf>,
    /// After the build, post its labels and whether it succeeded to this URL, as JSON
    #[arg(long, value_name = "URL")]
    callback_url: Option<String>,
}

impl ResultArgs {
    /// Returns the options with a URL that gets the outcome of the build, and nothing else.
    pub(crate) fn with_callback(callback_url: Option<String>) -> Self {
        Self {
            callback_url,
            ..Self::default()
        }
    }

    /// Returns all names of the result without duplicates, of which `first` is the first.
    pub(crate) fn names(&self, first: Option<&ImageRef>) -> Vec<ImageRef> {
        let mut names: Vec<ImageRef> = Vec::new();
        for name in first.into_iter().chain(&self.names) {
            if names
                .iter()
                .all(|known| known.normalised() != name.normalised())
            {
                names.push(name.clone());
            }
        }
        names
    }

    /// Returns the URL that gets the outcome of the build.
    pub(crate) fn callback_url(&self) -> Option<&str> {
        self.callback_url.as_deref().filter(|url| !url.is_empty())
    }

    /// Returns whether the archive of the result goes to standard output.
    pub(crate) fn is_piped(&self) -> bool {
        self.output.as_deref() == Some(Path::new("-"))
    }

    /// Returns the first option that needs a name of the result.
    pub(crate) fn needs_name(&self) -> Option<&'static str> {
        [(self.run, "--run"), (self.push, "--push")]
            .into_iter()
            .find_map(|(is_given, option)| is_given.then_some(option))
    }
}
