//! What every task with an engine starts with: are the programs here, and what is being done.

use std::{fmt::Display, time::Instant};

use anyhow::Result;
use s2i_test_engines::host;

use crate::dist::{self, Arch};

/// Names everything that is missing before any long work, and gets what rustup can get.
pub(crate) fn check_programs() -> Result<()> {
    host::require("git", "apt-get install git")?;
    dist::install_target(Arch::host()?)
}

/// Says what is being done, and how long it has been.
pub(crate) fn step(start: Instant, what: impl Display) {
    println!("\n[{:>5.1} s] {what}", start.elapsed().as_secs_f64());
}
