//! The processes of the container, of which this one is the first.

use std::sync::atomic::{AtomicI32, Ordering};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process_group, wait};

/// The process group of the script that runs, or 0.
static SCRIPT: AtomicI32 = AtomicI32::new(0);

/// Says which process group gets the signals of the host.
pub(crate) fn script_started(group: Pid) {
    SCRIPT.store(group.as_raw_nonzero().get(), Ordering::SeqCst);
}

/// Passes a signal on to the script, if one runs.
pub(crate) fn signal_script(number: i32) {
    let script = Pid::from_raw(SCRIPT.load(Ordering::SeqCst));
    if let (Some(script), Some(signal)) = (script, Signal::from_named_raw(number)) {
        let _ = kill_process_group(script, signal);
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
    let script = Pid::from_raw(SCRIPT.swap(0, Ordering::SeqCst));
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
