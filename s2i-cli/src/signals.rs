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
const INTERVAL: Duration = Duration::from_millis(20);

/// The duration of a clean-up after which its pending resources are listed.
const REPORT_AFTER: Duration = Duration::from_millis(500);

/// Passes signals to the token as long as the program runs.
///
/// # Errors
/// Returns the system's error if there is no room for the thread or the handlers.
pub(crate) fn watch(cancel: &CancelToken, announcer: Announcer) -> io::Result<()> {
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let cancel = cancel.clone();
    let thread = thread::Builder::new().name("signals".into());
    thread.spawn(move || handle(signals, &cancel, announcer))?;
    Ok(())
}

fn handle(mut signals: Signals, cancel: &CancelToken, announcer: Announcer) {
    let Some(first) = signals.forever().next() else {
        return;
    };
    let reason = reason(first);
    announcer.stopping(reason);
    cancel.cancel(reason);
    let mut pending = Pending::new(announcer);
    loop {
        if let Some(second) = signals.pending().next() {
            exit(self::reason(second), cancel, announcer);
        }
        pending.update(cancel.resources().list());
        thread::sleep(INTERVAL);
    }
}

/// Ends the program regardless of its other threads.
fn exit(reason: Interrupt, cancel: &CancelToken, announcer: Announcer) -> ! {
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
    resources: Vec<Resource>,
    since: Instant,
    is_listed: bool,
}

impl Pending {
    fn new(announcer: Announcer) -> Self {
        Self {
            announcer,
            resources: Vec::new(),
            since: Instant::now(),
            is_listed: false,
        }
    }

    fn update(&mut self, resources: Vec<Resource>) {
        if resources != self.resources {
            self.resources = resources;
            self.since = Instant::now();
            self.is_listed = false;
        }
        if !self.is_listed && !self.resources.is_empty() && self.since.elapsed() >= REPORT_AFTER {
            self.announcer.waiting(&self.resources);
            self.is_listed = true;
        }
    }
}
