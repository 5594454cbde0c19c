//! `s2i` itself, in the images of jobs whose container is the builder, and of pods.

use std::path::Path;

use anyhow::Result;
use s2i_oci::{Image, layer::LayerBuilder};

use super::put;
use crate::dist::{self, Arch, Place};

/// The directory that describes the builder of the container.
const DIRECTORY: &str = "usr/share/s2i";

/// Adds the static program.
pub(super) fn add(layer: &mut LayerBuilder, arch: Arch) -> Result<()> {
    put(
        layer,
        "usr/bin/s2i",
        0o755,
        dist::static_s2i(arch, Place::Image)?,
    )
}

/// Adds the static program with the client of clusters. It has a name of its own: the steps of a build copy the program
/// without it into containers that run code of users.
pub(super) fn add_kube(layer: &mut LayerBuilder, arch: Arch) -> Result<()> {
    put(
        layer,
        "usr/bin/s2i-kube",
        0o755,
        dist::static_s2i(arch, Place::Release)?,
    )
}

/// Adds the config of the builder, byte for byte: its digest is the ID of the builder.
pub(super) fn add_builder(layer: &mut LayerBuilder, builder: &Image) -> Result<()> {
    let name = format!("{DIRECTORY}/builder.json");
    put(layer, &name, 0o644, builder.config().to_json())
}

/// Adds an image as an archive, for results on it without a registry. `work` is for the archive until the layer is
/// written.
pub(super) fn add_image(
    layer: &mut LayerBuilder,
    name: &str,
    image: Image,
    work: &Path,
) -> Result<()> {
    let file = work.join(format!("{name}.image.tar"));
    super::write(&[image], &file)?;
    put(
        layer,
        &format!("{DIRECTORY}/images/{name}.tar"),
        0o644,
        file,
    )
}
