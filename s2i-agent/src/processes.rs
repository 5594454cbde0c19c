//! The processes of the container, of which this one is the first.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process_group, wait};

/// The script that runs, and the signal that came too early for it.
static SCRIPT: Mutex<Script> = Mutex::new(Script {
    is_asked_for: false,
    group: None,
    pending: None,
});

struct Script {
    /// Whether there is a request that has no answer yet.
    is_asked_for: bool,
    group: Option<Pid>,
    pending: Option<Signal>,
}

fn script() -> MutexGuard<'static, Script> {
    SCRIPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request has come, and signals from now on are for what it starts.
pub(crate) fn request_came() {
    script().is_asked_for = true;
}

/// The request has its answer: what comes now is for nobody.
pub(crate) fn request_done() {
    let mut script = script();
    script.is_asked_for = false;
    script.pending = None;
}

/// Says which process group gets the signals of the host. One that was quicker gets there now.
pub(crate) fn script_started(group: Pid) {
    let mut script = script();
    script.group = Some(group);
    if let Some(signal) = script.pending.take() {
        let _ = kill_process_group(group, signal);
    }
}

/// Passes a signal on to the script, or keeps it for the script that is about to start.
pub(crate) fn signal_script(number: i32) {
    let Some(signal) = Signal::from_named_raw(number) else {
        return;
    };
    let mut script = script();
    match script.group {
        Some(group) => drop(kill_process_group(group, signal)),
        None if script.is_asked_for => script.pending = Some(signal),
        None => {}
    }
}

/// Waits for the script, collecting orphans on the way.
pub(crate) fn wait_for(script: Pid) -> rustix::io::Result<WaitStatus> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == script => return Ok(status),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(err) => return Err(err),
        }
    }
}

/// Ends every other process of the container and collects them all.
///
/// As the first process of a PID namespace, "every process" is what lives in it. Anywhere else, in a
/// test for example, it would be the whole machine, so there it is the script's group alone.
pub(crate) fn end_all() {
    let script = std::mem::take(&mut script().group);
    if getpid().is_init() {
        // A process group of 1 stands for every process but the caller.
        let _ = kill_process_group(Pid::INIT, Signal::KILL);
    } else if let Some(script) = script {
        let _ = kill_process_group(script, Signal::KILL);
    }
}

/// Collects what has ended until no child is left.
pub(crate) fn collect_all() {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
