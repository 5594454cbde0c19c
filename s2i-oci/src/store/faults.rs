//! Failures and deaths at chosen moments, for tests.

use std::{cell::Cell, io};

use super::disk::Change;

thread_local! {
    /// How many steps this thread may still take, and what happens then.
    static PLAN: Cell<Option<(u64, Fate)>> = const { Cell::new(None) };
}

/// What happens at a step.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// The process is killed, as by `kill -9`.
    Death,
    /// The disk is full, from now on.
    Full,
}

/// Lets this thread take so many steps.
pub(super) fn plan(steps: u64, fate: Fate) {
    PLAN.set(Some((steps, fate)));
}

/// Ends the plan, and tells whether it came to its end before.
pub(super) fn end() -> bool {
    matches!(PLAN.take(), Some((0, _)))
}

/// Called before every change of the disk.
pub(super) fn step(change: Change) -> io::Result<()> {
    let Some((left, fate)) = PLAN.get() else {
        return Ok(());
    };
    match (left, fate) {
        (_, Fate::Full) if change == Change::Removes => Ok(()),
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
