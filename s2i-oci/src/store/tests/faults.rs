//! Injected failures and kills, for tests.

use std::{cell::Cell, io};

thread_local! {
    /// The number of steps that this thread may still take, and the event that follows.
    static PLAN: Cell<Option<(u64, Fate)>> = const { Cell::new(None) };
}

/// The event at a step.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// The process is killed, as by `kill -9`.
    Death,
    /// The disk is full, from now on.
    Full,
}

/// Lets this thread take this number of steps.
pub(super) fn plan(steps: u64, fate: Fate) {
    PLAN.set(Some((steps, fate)));
}

/// Ends the plan, and returns whether its last step was reached.
pub(super) fn end() -> bool {
    matches!(PLAN.take(), Some((0, _)))
}

/// Takes one step, before every change of the disk.
pub(in crate::store) fn step(needs_space: bool) -> io::Result<()> {
    let Some((left, fate)) = PLAN.get() else {
        return Ok(());
    };
    match (left, fate) {
        (_, Fate::Full) if !needs_space => Ok(()),
        (0, Fate::Full) => Err(io::ErrorKind::StorageFull.into()),
        (0, Fate::Death) => {
            let own = rustix::process::getpid();
            let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
            unreachable!("killed");
        }
        (left, fate) => {
            PLAN.set(Some((left - 1, fate)));
            Ok(())
        }
    }
}
