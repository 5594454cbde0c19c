//! Handling of Ctrl-C, `kill` and a closed terminal: the first signal asks the command to clean up and end, and
//! the second ends the program at once.
//!
//! The thread that waits for signals depends on nothing else: neither on the runtime, whose only thread may be
//! busy, nor on locks that others hold for long.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use s2i_build::{CancelToken, Interrupt, Resource};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::{error::interrupt_code, render::Announcer};

/// The interval of checks for a second signal and for pending resources.
const LOOK: Duration = Duration::from_millis(20);

/// The duration of a clean-up after which its pending resources are listed.
const PATIENCE: Duration = Duration::from_millis(500);

/// Passes signals to the token as long as the program runs.
///
/// # Errors
/// Returns the system's error if there is no room for the thread or the handlers.
pub(crate) fn watch(cancel: &CancelToken, announcer: Announcer) -> io::Result<()> {
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let cancel = cancel.clone();
    let thread = thread::Builder::new().name("signals".into());
    thread.spawn(move || attend(signals, &cancel, announcer))?;
    Ok(())
}

fn attend(mut signals: Signals, cancel: &CancelToken, announcer: Announcer) {
    let Some(first) = signals.forever().next() else {
        return;
    };
    let reason = reason(first);
    announcer.stopping(reason);
    cancel.cancel(reason);
    let mut pending = Pending::new(announcer);
    loop {
        if let Some(second) = signals.pending().next() {
            leave(self::reason(second), cancel, announcer);
        }
        pending.look(cancel.resources().list());
        thread::sleep(LOOK);
    }
}

/// Ends the program regardless of its other threads.
fn leave(reason: Interrupt, cancel: &CancelToken, announcer: Announcer) -> ! {
    announcer.leaving(reason, &cancel.resources().list());
    signal_hook::low_level::exit(interrupt_code(reason).0.into())
}

fn reason(signal: i32) -> Interrupt {
    match signal {
        SIGHUP => Interrupt::HungUp,
        SIGTERM => Interrupt::Terminated,
        _ => Interrupt::Interrupted,
    }
}

/// Lists the pending resources once, after they have not changed for a while.
struct Pending {
    announcer: Announcer,
    seen: Vec<Resource>,
    since: Instant,
    is_said: bool,
}

impl Pending {
    fn new(announcer: Announcer) -> Self {
        Self {
            announcer,
            seen: Vec::new(),
            since: Instant::now(),
            is_said: false,
        }
    }

    fn look(&mut self, now: Vec<Resource>) {
        if now != self.seen {
            self.seen = now;
            self.since = Instant::now();
            self.is_said = false;
        }
        if !self.is_said && !self.seen.is_empty() && self.since.elapsed() >= PATIENCE {
            self.announcer.waiting(&self.seen);
            self.is_said = true;
        }
    }
}
