//! What can be typed after the commands that keep images.

use std::path::PathBuf;

use clap::Args;
use s2i_core::{ImageRef, ImageRefError};

/// One image.
#[derive(Debug, Args)]
pub(crate) struct Image {
    /// The image
    pub(crate) image: ImageRef,
}

/// An image and a name.
#[derive(Debug, Args)]
pub(crate) struct Tag {
    /// The image, by name or id
    pub(crate) image: ImageRef,
    /// The name that it gets as well
    #[arg(value_parser = new_name)]
    pub(crate) name: ImageRef,
}

/// A name that can be given.
fn new_name(text: &str) -> Result<ImageRef, String> {
    let name: ImageRef = text.parse().map_err(|err: ImageRefError| err.to_string())?;
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let is_id = digits.len() == 64 && digits.bytes().all(|c| c.is_ascii_hexdigit());
    if is_id || name.digest().is_some() {
        return Err("a digest follows from the image and can't be given".into());
    }
    Ok(name)
}

/// Several images.
#[derive(Debug, Args)]
pub(crate) struct Images {
    /// The images, by name or id
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<ImageRef>,
}

/// List the images.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Show the ids alone
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Put images from an archive into the engine.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// The archive, as `docker save` and OCI tools write them; without it, or with `-`, standard input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
}

/// Write an image to an archive.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The image
    pub(crate) image: ImageRef,
    /// Where to write it, in the form that `docker load` and OCI tools read; without it, or with `-`,
    /// standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
