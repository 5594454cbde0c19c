//! The lifetime of a stage, which ends with the process that started it.

use std::{ffi::OsStr, io};

use rustix::{
    io::Errno,
    process::{Pid, Signal, getppid, set_parent_process_death_signal},
};

/// Makes the kernel kill this process when the thread of `parent` that started it ends.
///
/// Fails if the parent has ended already.
pub(crate) fn die_with(parent: Pid) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    check(parent)
}

/// Fails if `parent`, which started this process, has ended. Its process id may belong to another process then.
pub(crate) fn check(parent: Pid) -> io::Result<()> {
    if getppid() == Some(parent) {
        Ok(())
    } else {
        Err(io::Error::other("the process that started it has ended"))
    }
}

/// Parses the process id in an argument of a stage.
pub(crate) fn parse_pid(arg: &OsStr) -> io::Result<Pid> {
    let number = arg.to_str().and_then(|number| number.parse().ok());
    Ok(number.and_then(Pid::from_raw).ok_or(Errno::INVAL)?)
}
