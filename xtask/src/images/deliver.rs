//! The delivery of composed images to an engine.

use std::path::Path;

use anyhow::{Context, Result};
use s2i_test_engines::host;

use crate::engine::Target;

/// Loads an archive with `s2i load`.
pub(super) fn deliver(archive: &Path, to: &Target) -> Result<()> {
    let command = to.s2i().context(
        "there is nothing to load images with; `cargo xtask images --output FILE` writes an archive",
    );
    host::run(command?.args(["load", "-i"]).arg(archive))
}
