//! Becoming the agent of s2i.

use std::{
    convert::Infallible,
    fs::File,
    os::{fd::AsRawFd as _, unix::process::CommandExt as _},
    process::Command,
};

use super::fault::{Fault, OrFault as _};

/// The name of the process. If it were a path below `/.s2i`, the agent would look for its own file to remove it.
const NAME: &str = "s2i-agent";

/// Replaces this program by the agent, without an environment: that of scripts comes with each request.
pub(super) fn exec(file: &File) -> Result<Infallible, Fault> {
    // The descriptor closes itself once the kernel has read the file.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    Err(Command::new(path).arg0(NAME).env_clear().exec())
        .or_fault(|| "can't start the agent".into())
}
