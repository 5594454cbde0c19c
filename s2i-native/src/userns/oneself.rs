//! Programs of the user from inside a namespace where the user is root.
//!
//! Some ask for the account by its number and find root there: OpenSSH looks for keys in root's home, and
//! tells the server that root wants to come in. For those the user becomes oneself again, in a namespace
//! below, where the number is the one that it is outside.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
    sync::OnceLock,
};

use nix::sched::{CloneFlags, unshare};

use crate::errand;

/// The name of this stage.
pub(crate) const STAGE: &str = "oneself";

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

/// Runs the stage: it comes back only when the program can't be started.
pub(crate) fn become_oneself(args: &[OsString]) -> ExitCode {
    let [parent, uid, gid, program, args @ ..] = args else {
        return ExitCode::FAILURE;
    };
    let ready = take_numbers(uid, gid).and_then(|()| errand::end_with(parent));
    let err = match ready {
        Ok(()) => Command::new(program).args(args).exec(),
        Err(err) => err,
    };
    errand::cannot_start(Some(program), &err)
}

/// Takes these numbers again, if there are any.
fn take_numbers(uid: &OsStr, gid: &OsStr) -> io::Result<()> {
    // Where no namespace is to be had, root of this one does all but what this is for. In one without
    // numbers a program would be nobody, who may read nothing.
    if uid.is_empty() || unshare(CloneFlags::CLONE_NEWUSER).is_err() {
        return Ok(());
    }
    map(&uid.display().to_string(), &gid.display().to_string())
}

fn map(uid: &str, gid: &str) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{uid} 0 1"))?;
    fs::write("/proc/self/gid_map", format!("{gid} 0 1"))
}
