//! Ctrl-C, `kill` and a terminal that goes away: the first signal asks the command to clean up and end,
//! the second ends the program at once.
//!
//! They are waited for by a thread that needs nothing of the rest: not the runtime, whose one thread may
//! be busy, and no lock that others hold for long.

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

/// How often it is looked for a second signal, and for what is waited for.
const LOOK: Duration = Duration::from_millis(20);

/// How long cleaning up takes before it is said what there is to clean up.
const PATIENCE: Duration = Duration::from_millis(500);

/// Passes signals on to the token for as long as the program runs.
///
/// # Errors
/// From the system, which has no room for the thread or the handlers.
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

/// Ends the program whatever its other threads do.
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

/// Says what is waited for, when that has not changed for a while, and once.
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
