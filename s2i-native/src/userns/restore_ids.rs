//! Programs that run with the user's own ids, although s2i is root of a user namespace.
//!
//! OpenSSH looks up the account of its user id: as root of the namespace it would read root's keys, and log in as root.
//! Such programs run in a nested user namespace that maps the user's own ids back.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
    sync::OnceLock,
};

use nix::sched::{CloneFlags, unshare};

use crate::{programs, stage::parent};

/// The user and group id of this process before it became root of a namespace.
static ORIGINAL: OnceLock<(u32, u32)> = OnceLock::new();

/// Keeps the ids of the user when this process becomes root.
pub(super) fn keep(uid: u32, gid: u32) {
    let _ = ORIGINAL.set((uid, gid));
}

/// Returns the user and group id that this process had before [`enter()`](super::enter()) made it root.
pub(crate) fn original() -> Option<(String, String)> {
    let (uid, gid) = ORIGINAL.get()?;
    Some((uid.to_string(), gid.to_string()))
}

/// Runs the stage; returns only if the program can't be started.
pub(crate) fn run(args: &[OsString]) -> ExitCode {
    let [parent, uid, gid, program, args @ ..] = args else {
        return ExitCode::FAILURE;
    };
    let ready = restore(uid, gid)
        .and_then(|()| parent::parse_pid(parent))
        .and_then(parent::die_with);
    let err = match ready {
        Ok(()) => Command::new(program).args(args).exec(),
        Err(err) => err,
    };
    programs::cannot_start(Some(program), &err)
}

/// Restores the ids, if there are any.
fn restore(uid: &OsStr, gid: &OsStr) -> io::Result<()> {
    // Where no nested namespace can be made, root of this one can do everything but log in as the user. A namespace
    // without a mapping would be worse: the program would run as the overflow user, without access to any file.
    if uid.is_empty() || unshare(CloneFlags::CLONE_NEWUSER).is_err() {
        return Ok(());
    }
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{} 0 1", uid.display()))?;
    fs::write("/proc/self/gid_map", format!("{} 0 1", gid.display()))
}
