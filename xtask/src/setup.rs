//! What every task with an engine starts with: are the programs here, and what is being done.

use std::{fmt::Display, time::Instant};

use anyhow::{Result, bail};

use crate::{
    dist::{self, Arch},
    host,
};

/// Names everything that is missing before any long work.
pub(crate) fn check_programs() -> Result<()> {
    host::require("git", "apt-get install git")?;
    if host::find("go").or_else(|| host::find("pip")).is_none() {
        bail!(
            "the Go toolchain of the builder image comes through `go` or `pip`, and neither is on this machine; \
             install one with: apt-get install golang-go"
        );
    }
    dist::check(Arch::host()?)
}

/// Says what is being done, and how long it has been.
pub(crate) fn step(start: Instant, what: impl Display) {
    println!("\n[{:>5.1} s] {what}", start.elapsed().as_secs_f64());
}
