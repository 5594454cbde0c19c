//! The shell and the tools of builders.

use std::path::PathBuf;

use anyhow::Result;
use s2i_oci::layer::{LayerBuilder, Owner};

/// The names that the program answers to, one a line.
const LINKS: &str = include_str!("../../../s2i-toolbox/links.txt");

/// Adds the program with a link for each of its names. `/bin` is `/usr/bin`, so that each is at both
/// places that scripts and Dockerfiles know.
pub(super) fn add(layer: &mut LayerBuilder, program: PathBuf) -> Result<()> {
    layer.directories("usr/bin", 0o755, Owner::ROOT)?;
    layer.symlink("bin", "usr/bin", Owner::ROOT)?;
    layer.file("usr/bin/s2i-toolbox", 0o755, Owner::ROOT, program)?;
    for link in LINKS.lines() {
        layer.symlink(&format!("usr/bin/{link}"), "s2i-toolbox", Owner::ROOT)?;
    }
    Ok(())
}
