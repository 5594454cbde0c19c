//! Handing composed images over.

use std::{path::Path, process::Command};

use anyhow::{Result, bail};

use crate::{host, paths};

/// Loads an archive into the engine at `url`, or the one that `s2i` finds, with our own command.
pub(super) fn deliver(archive: &Path, url: Option<&str>) -> Result<()> {
    let s2i = paths::made().join("s2i");
    if !s2i.is_file() {
        bail!(
            "{} is not there to load images with; make it with `cargo xtask dist`, or write an archive with \
             `cargo xtask images --output FILE`",
            s2i.display()
        );
    }
    let mut command = Command::new(s2i);
    command.args(["load", "-i"]).arg(archive);
    if let Some(url) = url {
        command.args(["--url", url]);
    }
    host::run(&mut command)
}
