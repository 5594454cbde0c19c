//! The common start of tasks with an engine: a check of the required programs, and progress messages.

use std::{fmt::Display, time::Instant};

use anyhow::Result;
use s2i_test_engines::host;

use crate::dist::{self, Arch};

/// Fails early if a program is missing, and installs the Rust target through rustup.
pub(crate) fn check_programs() -> Result<()> {
    host::require("git", "apt-get install git")?;
    dist::install_target(Arch::host()?)
}

/// Prints the current step and the elapsed time.
pub(crate) fn step(start: Instant, what: impl Display) {
    println!("\n[{:>5.1} s] {what}", start.elapsed().as_secs_f64());
}
