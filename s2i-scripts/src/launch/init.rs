//! The first process of a container: passes signals on, takes in orphans, and ends as the application.
//!
//! The kernel gives the first process no default for signals, and the children of processes that have
//! ended. Node.js takes care of neither.

use std::{io, os::unix::process::CommandExt as _};

use rustix::{
    process::{
        Pid, Signal, WaitOptions, WaitStatus, getpgrp, kill_process, kill_process_group, wait,
    },
    stdio::stdin,
    termios::{isatty, tcgetpgrp, tcsetpgrp},
};
use signal_hook::{
    consts::signal::{
        SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTTIN, SIGTTOU, SIGUSR1,
        SIGUSR2, SIGWINCH,
    },
    iterator::Signals,
};

use super::Error;
use crate::{Host, host::CommandSpec};

/// The signals that are passed on.
const FORWARDED: [i32; 9] = [
    SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH,
];

/// Signals that mean the end: what has not begun does not begin after them.
const ENDING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// The code of a process that a signal has ended is this plus the number of the signal.
const SIGNALLED: i32 = 128;

/// Runs the commands one after the other, until one does not end well, and returns the code to exit with:
/// that of the last one, or 128 and the number of the signal that ended it.
pub(crate) fn supervise(commands: &[CommandSpec], host: &Host<'_>) -> Result<u8, Error> {
    // Before anything starts, so that no signal is lost. The terminal's own signals would stop us.
    let caught = FORWARDED.into_iter().chain([SIGCHLD, SIGTTIN, SIGTTOU]);
    let mut signals = Signals::new(caught).map_err(|source| Error::Supervise {
        action: "catch signals",
        source,
    })?;
    let mut code = 0;
    for (index, command) in commands.iter().enumerate() {
        let (ended, asked) = run(command, &mut signals, host)?;
        code = ended;
        let is_last = index + 1 == commands.len();
        match asked {
            Some(signal) if code == 0 && !is_last => code = SIGNALLED + signal,
            _ => {}
        }
        if code != 0 {
            break;
        }
    }
    Ok(u8::try_from(code).unwrap_or(u8::MAX))
}

/// Runs one command to its end; returns its code, and the signal that asked it to end, if one did.
fn run(
    command: &CommandSpec,
    signals: &mut Signals,
    host: &Host<'_>,
) -> Result<(i32, Option<i32>), Error> {
    // A group of its own, so that a signal of the terminal comes once, through us.
    let child = host.prepare(command).process_group(0).spawn();
    let child = child.map_err(|source| Error::Execute {
        path: command.program.display().to_string(),
        source,
    })?;
    let child = Pid::from_child(&child);
    give_terminal(child);
    let mut asked = None;
    loop {
        for signal in signals.wait() {
            if FORWARDED.contains(&signal) {
                pass_on(signal, child, command.is_shell);
            }
            if ENDING.contains(&signal) {
                asked = Some(signal);
            }
        }
        if let Some(code) = reap(child)? {
            return Ok((code, asked));
        }
    }
}

/// Gives the child the foreground of the terminal, where this process has it: its keys are for the application.
fn give_terminal(child: Pid) {
    let terminal = stdin();
    if isatty(terminal) && tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp()) {
        // Nothing is lost but keys when that fails.
        if tcsetpgrp(terminal, child).is_ok() {
            // It may have been stopped by looking at the terminal too early.
            let _ = kill_process_group(child, Signal::CONT);
        }
    }
}

fn pass_on(signal: i32, child: Pid, is_group: bool) {
    let Some(signal) = Signal::from_named_raw(signal) else {
        return;
    };
    // A child that has just ended is reaped below.
    let _ = if is_group {
        kill_process_group(child, signal)
    } else {
        kill_process(child, signal)
    };
}

/// Takes in everything that has ended; the child's code when it was among that.
fn reap(child: Pid) -> Result<Option<i32>, Error> {
    let mut code = None;
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == child => code = Some(code_of(status)),
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return Ok(code),
            Err(rustix::io::Errno::CHILD) if code.is_some() => return Ok(code),
            Err(err) => {
                return Err(Error::Supervise {
                    action: "wait for the application",
                    source: err.into(),
                });
            }
        }
    }
}

fn code_of(status: WaitStatus) -> i32 {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => code,
        (None, signal) => SIGNALLED + signal.unwrap_or_default(),
    }
}

/// Lets signals end this process, for work that it does itself.
pub(crate) fn end_on_signals() -> io::Result<()> {
    let mut signals = Signals::new(ENDING)?;
    std::thread::Builder::new().spawn(move || {
        if let Some(signal) = signals.forever().next() {
            exit(signal);
        }
    })?;
    Ok(())
}

#[expect(
    clippy::exit,
    reason = "a signal ends the server, whatever its other threads wait for"
)]
fn exit(signal: i32) {
    std::process::exit(if signal == SIGTERM || signal == SIGINT {
        0
    } else {
        SIGNALLED + signal
    });
}
