//! The processes of the container, of which this one is the first.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process_group, wait};

/// The running script, and the signal that arrived before its start.
static SCRIPT: Mutex<Script> = Mutex::new(Script {
    is_asked_for: false,
    group: None,
    pending: None,
});

struct Script {
    /// True if a request has no answer yet.
    is_asked_for: bool,
    group: Option<Pid>,
    pending: Option<Signal>,
}

fn script() -> MutexGuard<'static, Script> {
    SCRIPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes that a request has arrived. From now on, signals are for the script that it starts.
pub(crate) fn request_came() {
    script().is_asked_for = true;
}

/// Notes that the request is answered. From now on, signals are dropped.
pub(crate) fn request_done() {
    let mut script = script();
    script.is_asked_for = false;
    script.pending = None;
}

/// Sets the process group that gets the signals of the host, and sends it the signal that arrived before the start.
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

/// Waits for the script, and reaps orphans meanwhile.
pub(crate) fn wait_for(script: Pid) -> rustix::io::Result<WaitStatus> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == script => return Ok(status),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(err) => return Err(err),
        }
    }
}

/// Ends every other process of the container and reaps them all.
///
/// For the first process of a PID namespace, "every process" means those in the namespace. Elsewhere, for example in
/// a test, it would mean the whole machine, so there only the script's process group is ended.
pub(crate) fn end_all() {
    let script = std::mem::take(&mut script().group);
    if getpid().is_init() {
        // The process group 1 stands for every process but the caller.
        let _ = kill_process_group(Pid::INIT, Signal::KILL);
    } else if let Some(script) = script {
        let _ = kill_process_group(script, Signal::KILL);
    }
}

/// Reaps processes until no child is left.
pub(crate) fn collect_all() {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
