//! Supervised programs of the user, such as Git.
//!
//! A process survives its parent: when s2i is killed, Git would go on fetching into a directory that the next build
//! removes. So a supervisor, which is this program again, stands between the two. It kills the program and its helpers
//! when s2i ends, and the program is killed when the supervisor ends.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitCode},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::retry_on_intr,
    process::{Pid, PidfdFlags, Signal, getpgrp, kill_process_group, pidfd_open, setpgid},
};

use crate::{
    programs,
    stage::{self, OWN_PROGRAM, Stage, parent},
    userns::restore_ids,
};

/// Returns a [`Command`] that runs a program of the user in a process group of its own, which is killed when this
/// process ends for any reason.
///
/// The program has the ids that the user had before [`userns::enter()`](crate::userns::enter()). A process that was
/// root of a namespace from its start stays root.
///
/// If no program has this name, starting the command fails as usual. Where the kernel has no process handles (before
/// Linux 5.3, or where a filter forbids them), only the program itself is killed, and already when the thread that
/// started it ends; without `/proc` it is not killed at all. `main` must begin with [`reexec()`](crate::reexec()).
///
/// ```no_run
/// let output = s2i_native::supervised_command("git").arg("--version").output()?;
/// println!("{}", String::from_utf8_lossy(&output.stdout));
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn supervised_command(program: &str) -> Command {
    let Some(found) = programs::find(program) else {
        return Command::new(program);
    };
    if !Path::new(OWN_PROGRAM).exists() {
        return Command::new(found);
    }
    let mut command = Stage::Supervise.command();
    let (uid, gid) = restore_ids::original().unwrap_or_default();
    command.args([&std::process::id().to_string(), &uid, &gid]);
    command.arg(found);
    command
}

/// Runs the stage.
pub(crate) fn run(args: &[OsString]) -> ExitCode {
    let [parent, args @ ..] = args else {
        return ExitCode::FAILURE;
    };
    match supervise(parent, args) {
        Ok(code) => code,
        Err(err) => programs::cannot_start(args.get(2), &err),
    }
}

/// Starts the program, and waits until it or `parent` ends.
fn supervise(parent: &OsStr, args: &[OsString]) -> io::Result<ExitCode> {
    setpgid(None, None)?;
    let pid = parent::parse_pid(parent)?;
    let handle = pidfd_open(pid, PidfdFlags::empty());
    parent::check(pid)?;
    let Ok(parent_ended) = handle else {
        return Err(program_of(parent, args).exec());
    };
    let own_pid = std::process::id().to_string();
    let mut child = program_of(own_pid.as_ref(), args).spawn()?;
    let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    let mut either = [&ended, &parent_ended].map(|handle| PollFd::new(handle, PollFlags::IN));
    retry_on_intr(|| poll(&mut either, None))?;
    if either[0].revents().is_empty() {
        // This process is in the group, too.
        kill_process_group(getpgrp(), Signal::KILL)?;
    }
    Ok(stage::exit_code(child.wait()?))
}

/// Returns a command for the program, which is killed when `parent` ends.
fn program_of(parent: &OsStr, args: &[OsString]) -> Command {
    let mut command = Stage::RestoreIds.command();
    command.arg(parent).args(args);
    command
}
