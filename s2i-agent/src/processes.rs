//! The processes of the container, of which this one is the first.

use std::{
    io,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, kill_process_group,
    set_child_subreaper, wait,
};
use s2i_core::bounds;

/// True if this process is not the first one of its container and gets the orphans of what it has started.
static ADOPTS: AtomicBool = AtomicBool::new(false);

/// Makes this process the parent of orphans among the processes that descend from it.
pub(crate) fn adopt_orphans() -> io::Result<()> {
    set_child_subreaper(Some(getpid()))?;
    ADOPTS.store(true, Ordering::Relaxed);
    Ok(())
}

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
/// For the first process of a PID namespace, "every process" means those in the namespace. A process that adopts orphans
/// ends those that descend from it. Elsewhere, for example in a test, it would mean the whole machine, so there only the
/// script's process group is ended.
pub(crate) fn end_all() {
    let script = std::mem::take(&mut script().group);
    if getpid().is_init() {
        // The process group 1 stands for every process but the caller.
        let _ = kill_process_group(Pid::INIT, Signal::KILL);
    } else if let Some(script) = script {
        let _ = kill_process_group(script, Signal::KILL);
    }
    if ADOPTS.load(Ordering::Relaxed) {
        end_descendants();
    }
}

/// Ends the children of this process and reaps them, as long as there are some: the children of each become its own.
fn end_descendants() {
    loop {
        let children = children();
        if children.is_empty() {
            return;
        }
        for child in children {
            let _ = kill_process(child, Signal::KILL);
        }
        if wait(WaitOptions::empty()).is_err_and(|err| err != rustix::io::Errno::INTR) {
            return;
        }
    }
}

/// Returns the children of all threads of this process.
fn children() -> Vec<Pid> {
    let threads = std::fs::read_dir("/proc/self/task");
    let threads = threads.into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| {
        let list = bounds::head_of_file(&thread.path().join("children"), bounds::FILE).ok()?;
        String::from_utf8(list).ok()
    });
    let lists: Vec<_> = lists.collect();
    let pids = lists.iter().flat_map(|list| list.split_whitespace());
    pids.filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
        .collect()
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
