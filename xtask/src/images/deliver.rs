//! The delivery of composed images to an engine.

use std::path::Path;

use anyhow::{Context, Result};
use s2i_test_engines::host;

use crate::{dist::Profile, engine::Target};

/// Loads an archive with `s2i load` of this build.
pub(super) fn deliver(archive: &Path, to: &Target, with: Profile) -> Result<()> {
    let command = to.s2i(with).context(
        "there is nothing to load images with; `cargo xtask images --output FILE` writes an archive",
    );
    host::run(command?.args(["load", "-i"]).arg(archive))
}
