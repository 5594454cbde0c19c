//! The first process of a container: forwards signals, reaps orphans, and ends with the application.
//!
//! The kernel gives the first process no default for signals, and the children of processes that have
//! ended. Node.js takes care of neither.

use std::{io, os::unix::process::CommandExt as _, process, thread};

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

/// The signals that are forwarded.
const FORWARDED: [i32; 9] = [
    SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH,
];

/// The signals that end the application: after them, no further command starts.
const ENDING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// The exit code of a process that a signal has ended is this plus the number of the signal.
const SIGNALLED: i32 = 128;

/// Runs the commands one after the other, until one fails, and returns the exit code of the last one: 128 and the
/// number of the signal if one ended it.
pub(crate) fn supervise(commands: &[CommandSpec], host: &Host<'_>) -> Result<u8, Error> {
    // Before anything starts, so that no signal is lost. The terminal's own signals would stop this process.
    let caught = FORWARDED.into_iter().chain([SIGCHLD, SIGTTIN, SIGTTOU]);
    let mut signals = Signals::new(caught).map_err(catch_error)?;
    let mut code = 0;
    for (index, command) in commands.iter().enumerate() {
        let (exit_code, ending) = run(command, &mut signals, host)?;
        code = exit_code;
        if code == 0 && index + 1 < commands.len() {
            code = ending.map_or(0, |signal| SIGNALLED + signal);
        }
        if code != 0 {
            break;
        }
    }
    Ok(u8::try_from(code).unwrap_or(u8::MAX))
}

/// Returns the error of an attempt to catch signals.
pub(crate) fn catch_error(source: io::Error) -> Error {
    let action = "catch signals";
    Error::Supervise { action, source }
}

/// Runs one command to its end; returns its exit code, and the signal to end that it was sent, if any.
fn run(
    command: &CommandSpec,
    signals: &mut Signals,
    host: &Host<'_>,
) -> Result<(i32, Option<i32>), Error> {
    // A group of its own, so that a signal of the terminal is received once, from this process.
    let child = host.prepare(command).process_group(0).spawn();
    let child = child.map_err(|source| Error::Execute {
        path: command.program.display().to_string(),
        source,
    })?;
    let child = Pid::from_child(&child);
    give_terminal(child);
    let mut ending = None;
    loop {
        for signal in signals.wait() {
            if FORWARDED.contains(&signal) {
                forward(signal, child, command.is_shell);
            }
            if ENDING.contains(&signal) {
                ending = Some(signal);
            }
        }
        if let Some(code) = reap(child)? {
            return Ok((code, ending));
        }
    }
}

/// Gives the child the foreground of the terminal, where this process has it: its keys are for the application.
fn give_terminal(child: Pid) {
    let terminal = stdin();
    let has_terminal =
        isatty(terminal) && tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp());
    // Nothing is lost but keys when that fails.
    if has_terminal && tcsetpgrp(terminal, child).is_ok() {
        // It may have been stopped by looking at the terminal too early.
        let _ = kill_process_group(child, Signal::CONT);
    }
}

fn forward(signal: i32, child: Pid, is_group: bool) {
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

/// Reaps all children that have ended; returns the exit code of `child` if it is one of them.
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
    status
        .exit_status()
        .unwrap_or_else(|| SIGNALLED + status.terminating_signal().unwrap_or_default())
}

/// Lets signals end this process, for work that it does itself.
#[expect(
    clippy::exit,
    reason = "a signal ends the server, whatever its other threads wait for"
)]
pub(crate) fn end_on_signals() -> io::Result<()> {
    let mut signals = Signals::new(ENDING)?;
    thread::Builder::new().spawn(move || match signals.forever().next() {
        Some(SIGTERM | SIGINT) => process::exit(0),
        Some(signal) => process::exit(SIGNALLED + signal),
        None => {}
    })?;
    Ok(())
}
