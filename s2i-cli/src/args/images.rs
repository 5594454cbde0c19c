//! The command lines of the commands that manage images.

use std::path::PathBuf;

use clap::Args;
use s2i_core::{ImageRef, ImageRefError};
use s2i_oci::layer::Compression;

/// The argument of commands for one image.
#[derive(Debug, Args)]
pub(crate) struct Image {
    /// Image, by name or ID
    pub(crate) image: ImageRef,
}

/// The arguments of `s2i push`.
#[derive(Debug, Args)]
pub(crate) struct Push {
    /// Image, by name or ID
    pub(crate) image: ImageRef,
    /// Compress layers that were built here with `gzip`, which is the default, or with `zstd` or `zstd:LEVEL`; for the
    /// embedded engine
    #[arg(long, value_name = "HOW")]
    pub(crate) compression: Option<Compression>,
}

/// The arguments of `s2i tag`.
#[derive(Debug, Args)]
pub(crate) struct Tag {
    /// Image, by name or ID
    pub(crate) image: ImageRef,
    /// Name to add
    #[arg(value_parser = new_name)]
    pub(crate) name: ImageRef,
}

/// Parses a new name of an image, which can't have a digest.
pub(super) fn new_name(text: &str) -> Result<ImageRef, String> {
    let name: ImageRef = text.parse().map_err(|err: ImageRefError| err.to_string())?;
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let is_id = digits.len() == 64 && digits.bytes().all(|c| c.is_ascii_hexdigit());
    if is_id || name.digest().is_some() {
        return Err("a digest follows from the image and can't be given".into());
    }
    Ok(name)
}

/// The arguments of commands for several images.
#[derive(Debug, Args)]
pub(crate) struct Images {
    /// Images, by name or ID
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<ImageRef>,
}

/// List images.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Show only IDs
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Load images from an archive into the engine.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Read the archive, in the format of `docker save` or OCI, from this file; by default or with `-`, from
    /// standard input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
}

/// Write an image to an archive.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Image, by name or ID
    pub(crate) image: ImageRef,
    /// Write the archive, for `docker load` and OCI tools, to this file; by default or with `-`, to standard
    /// output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
