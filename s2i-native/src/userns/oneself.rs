//! Programs of the user from inside a namespace where the user is root.
//!
//! Some ask for the account by its number and find root there: OpenSSH looks for keys in root's home, and
//! tells the server that root wants to come in. For those the user becomes oneself again, in a namespace
//! below, where the number is the one that it is outside.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
    sync::OnceLock,
};

use nix::sched::{CloneFlags, unshare};

use crate::reexec;

/// The name of this stage.
pub(crate) const STAGE: &str = "oneself";

/// What shells end with where a program can't be started.
const CANNOT_START: u8 = 126;

/// The numbers that this process had before it was root of a namespace.
static BEFORE: OnceLock<(u32, u32)> = OnceLock::new();

/// Keeps the numbers of the user, when this process becomes root.
pub(super) fn remember(uid: u32, gid: u32) {
    let _ = BEFORE.set((uid, gid));
}

/// The numbers that the user had before [`enter()`](super::enter()), if that made it root.
pub(crate) fn before() -> Option<(String, String)> {
    let (uid, gid) = BEFORE.get()?;
    Some((uid.to_string(), gid.to_string()))
}

/// A command that starts a program with these numbers again.
pub(crate) fn stage(uid: &OsStr, gid: &OsStr, program: &OsStr) -> Command {
    let mut command = reexec::command(reexec::SELF, STAGE);
    command.args([uid, gid, program]);
    command
}

/// Runs the stage: it comes back only when the program can't be started.
pub(crate) fn become_oneself(args: &[OsString]) -> ExitCode {
    let [uid, gid, program, args @ ..] = args else {
        return ExitCode::FAILURE;
    };
    // Where no namespace is to be had, root of this one does all but what this is for. In one without
    // numbers a program would be nobody, who may read nothing.
    let mapped = match unshare(CloneFlags::CLONE_NEWUSER) {
        Ok(()) => map(&uid.display().to_string(), &gid.display().to_string()),
        Err(_) => Ok(()),
    };
    let err = match mapped {
        Ok(()) => Command::new(program).args(args).exec(),
        Err(err) => err,
    };
    let _ = writeln!(io::stderr(), "can't start {}: {err}", program.display());
    ExitCode::from(CANNOT_START)
}

fn map(uid: &str, gid: &str) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{uid} 0 1"))?;
    fs::write("/proc/self/gid_map", format!("{gid} 0 1"))
}
