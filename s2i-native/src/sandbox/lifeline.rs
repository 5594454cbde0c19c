//! The tie between the first process of a container and the monitor outside.

use std::fs::File;

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Signal, set_parent_process_death_signal},
};

use super::fault::{Fault, OrFault as _};

/// A pipe whose other end the monitor has.
pub(super) struct Lifeline(pub(super) File);

impl Lifeline {
    /// Makes the kernel kill this process when the monitor ends. It must be called again after a change of the user,
    /// with which the kernel drops this.
    pub(super) fn hold(&self) -> Result<(), Fault> {
        let what = || "can't tie the container to s2i".to_owned();
        set_parent_process_death_signal(Some(Signal::KILL)).or_fault(what)?;
        // A monitor that ended before sends no signal, and it has no process id in this namespace.
        let mut other_end = [PollFd::new(&self.0, PollFlags::IN)];
        match poll(&mut other_end, Some(&Timespec::default())).or_fault(what)? {
            0 => Ok(()),
            _ => Err(Fault::new("s2i has ended")),
        }
    }
}
