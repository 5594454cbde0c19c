//! Programs of the user that this one starts, such as Git.
//!
//! A process goes on when whoever started it is killed: Git would go on fetching, and write into a directory
//! that the next build removes. So this very program stands between the two and ends what it has started, with
//! the helpers of that, when it is alone. What it has started also ends with it, so that nothing stays when both
//! are killed.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Write as _},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::Path,
    process::{Child, Command, ExitCode},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::OwnedFd,
    io::{Errno, retry_on_intr},
    process::{
        Pid, PidfdFlags, Signal, getpgrp, getppid, kill_process_group, pidfd_open,
        set_parent_process_death_signal, setpgid,
    },
};

use crate::{reexec, userns};

/// The name of this stage.
pub(crate) const STAGE: &str = "errand";

/// What shells end with where a program can't be started.
const CANNOT_START: u8 = 126;

/// What they add to the number of the signal that ended it.
const SIGNALLED: i32 = 128;

/// A command for a program of the user, which ends with this process, however that ends, and takes all along
/// that is in its process group, which is its own.
///
/// It has the number that the user had before [`userns::enter()`]. Root of a container that somebody else
/// made is at home there, and stays root.
///
/// A program that is nowhere fails when it is started, as always. Where the kernel has no handles of processes
/// (before Linux 5.3, or forbidden), it alone ends, and with the thread that started it; without `/proc` it ends
/// when it is done. `main` must begin with [`reexec()`](crate::reexec()).
///
/// ```no_run
/// let said = s2i_native::errand("git").arg("--version").output()?;
/// println!("{}", String::from_utf8_lossy(&said.stdout));
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn errand(program: &str) -> Command {
    let Some(found) = userns::find(program) else {
        return Command::new(program);
    };
    if !Path::new(reexec::SELF).exists() {
        return Command::new(found);
    }
    let mut command = reexec::command_with_environment(reexec::SELF, STAGE);
    let (uid, gid) = userns::before().unwrap_or_default();
    command.args([&std::process::id().to_string(), &uid, &gid]);
    command.arg(found);
    command
}

/// Runs the stage.
pub(crate) fn run_errand(args: &[OsString]) -> ExitCode {
    let [sender, args @ ..] = args else {
        return ExitCode::FAILURE;
    };
    match attend(sender, args) {
        Ok(code) => code,
        Err(err) => cannot_start(args.get(2), &err),
    }
}

/// Says so as shells do.
pub(crate) fn cannot_start(program: Option<&OsString>, err: &io::Error) -> ExitCode {
    let program = program.map(OsString::as_os_str).unwrap_or_default();
    let _ = writeln!(io::stderr(), "can't start {}: {err}", program.display());
    ExitCode::from(CANNOT_START)
}

/// Lets this process end with its parent, of one thread, that has this number.
pub(crate) fn end_with(parent: &OsStr) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // One who died before that sends no signal.
    if getppid() == Some(number(parent)?) {
        Ok(())
    } else {
        Err(io::Error::other("nobody waits for it"))
    }
}

/// Starts it and waits until it ends, or whoever sent it does.
fn attend(sender: &OsStr, args: &[OsString]) -> io::Result<ExitCode> {
    setpgid(None, None)?;
    let gone = match handle_of_sender(sender) {
        Ok(handle) => handle,
        Err(Errno::SRCH) => return Err(io::Error::other("nobody waits for it")),
        Err(_) => return Err(ending_with(sender, args).exec()),
    };
    let own = std::process::id().to_string();
    let mut child = ending_with(own.as_ref(), args).spawn()?;
    let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    let mut either = [&ended, &gone].map(|handle| PollFd::new(handle, PollFlags::IN));
    retry_on_intr(|| poll(&mut either, None))?;
    if either[0].revents().is_empty() {
        // This process is one of them.
        kill_process_group(getpgrp(), Signal::KILL)?;
    }
    code_of(&mut child)
}

/// The program, which ends with its parent.
fn ending_with(parent: &OsStr, args: &[OsString]) -> Command {
    let mut command = reexec::command_with_environment(reexec::SELF, userns::ONESELF);
    command.arg(parent).args(args);
    command
}

fn handle_of_sender(sender: &OsStr) -> rustix::io::Result<OwnedFd> {
    let sender = number(sender)?;
    let handle = pidfd_open(sender, PidfdFlags::empty())?;
    // The number of one who died before may be somebody else's.
    if getppid() == Some(sender) {
        Ok(handle)
    } else {
        Err(Errno::SRCH)
    }
}

fn number(process: &OsStr) -> rustix::io::Result<Pid> {
    let number = process.to_str().and_then(|number| number.parse().ok());
    number.and_then(Pid::from_raw).ok_or(Errno::INVAL)
}

fn code_of(child: &mut Child) -> io::Result<ExitCode> {
    let status = child.wait()?;
    let code = status.code().or_else(|| Some(SIGNALLED + status.signal()?));
    let code = code.and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
