//! Becoming the agent of s2i.

use std::{
    fs::File,
    os::{fd::AsRawFd as _, unix::process::CommandExt as _},
    process::Command,
};

use super::{
    fault::{Fault, OrFault as _},
    inner::Never,
};

/// What it is called. A path below `/.s2i` would make it look for its own file, to remove it.
const NAME: &str = "s2i-agent";

/// Replaces this program by the agent, which gets no environment: it is told the scripts' own.
pub(super) fn exec(file: &File) -> Result<Never, Fault> {
    // The descriptor closes itself once the kernel has read the file.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    Err(Command::new(path).arg0(NAME).env_clear().exec())
        .or_fault(|| "can't start the agent".into())
}
