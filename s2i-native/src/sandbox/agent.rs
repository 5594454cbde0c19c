//! Becoming the agent of s2i.

use std::{convert::Infallible, fs::File, os::unix::process::CommandExt as _, process::Command};

use s2i_core::wire::{Failure, OrFailure as _};

use crate::descriptor::proc_path;

/// The name of the process. If it were a path below `/.s2i`, the agent would look for its own file to remove it.
const NAME: &str = "s2i-agent";

/// Replaces this program by the agent, without an environment: that of scripts comes with each request.
pub(super) fn exec(file: &File) -> Result<Infallible, Failure> {
    // The descriptor closes itself once the kernel has read the file.
    Err(Command::new(proc_path(file)).arg0(NAME).env_clear().exec())
        .or_failure("can't start the agent")
}
