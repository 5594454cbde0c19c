//! The tie between the first process of a container and the monitor outside.

use std::fs::File;

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Signal, set_parent_process_death_signal},
};

use s2i_core::wire::{Failure, OrFailure as _};

/// A pipe whose other end the monitor has.
pub(super) struct Lifeline(pub(super) File);

impl Lifeline {
    /// Makes the kernel kill this process when the monitor ends. A change of the user clears this, so it must be called
    /// again then.
    pub(super) fn hold(&self) -> Result<(), Failure> {
        let operation = "can't tie the container to s2i";
        set_parent_process_death_signal(Some(Signal::KILL)).or_failure(operation)?;
        // A monitor that ended before sends no signal, and it has no process id in this namespace.
        let mut other_end = [PollFd::new(&self.0, PollFlags::IN)];
        match poll(&mut other_end, Some(&Timespec::default())).or_failure(operation)? {
            0 => Ok(()),
            _ => Err(Failure::os("s2i has ended")),
        }
    }
}
