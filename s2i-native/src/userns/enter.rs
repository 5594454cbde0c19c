//! Entering a user namespace.

use std::{
    fs,
    io::{self, Write as _},
    process::{Child, Stdio},
};

use nix::sched::{CloneFlags, unshare};
use thiserror::Error;

use super::{ids, ids::Plan, mapper, oneself, stage};

/// Why a process is not in a user namespace. When it is past [`Error::Threads`], its rights are undefined and
/// it should end.
#[derive(Debug, Error)]
pub enum Error {
    /// The kernel takes none that has threads.
    #[error("a process with threads can't enter a user namespace")]
    Threads,
    /// The kernel, or what guards it, makes none.
    #[error("can't make a user namespace")]
    Refused(#[source] io::Error),
    /// Users have no numbers in it.
    #[error("can't give numbers to the users of a namespace")]
    Map(#[source] io::Error),
}

/// Makes this process root of a user namespace, unless it is root already, and says how.
///
/// To be called before any thread starts.
///
/// # Errors
/// See [`Error`](enum@Error).
pub fn enter() -> Result<Plan, Error> {
    let plan = Plan::make();
    if plan == Plan::Nothing {
        return Ok(plan);
    }
    let threads = fs::read_dir("/proc/self/task").map(Iterator::count);
    if threads.is_ok_and(|count| count > 1) {
        return Err(Error::Threads);
    }
    let (uid, gid) = ids::own();
    match &plan {
        Plan::Nothing => {}
        Plan::Single { .. } => {
            unshare_user()?;
            map_own(uid, gid).map_err(Error::Map)?;
        }
        Plan::Ranges { .. } => {
            // The programs that may do it must be started outside.
            let mapper = mapper::start(&plan, uid, gid).map_err(Error::Map)?;
            unshare_user()?;
            finish(mapper).map_err(Error::Map)?;
        }
    }
    oneself::remember(uid, gid);
    Ok(plan)
}

fn unshare_user() -> Result<(), Error> {
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|errno| Error::Refused(errno.into()))
}

/// What everybody may: be root alone, and give up the right to give up groups.
fn map_own(uid: u32, gid: u32) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// Tells the helper that the namespace is there, and waits for it.
fn finish(mut mapper: Child) -> io::Result<()> {
    if let Some(mut stdin) = mapper.stdin.take() {
        stdin.write_all(mapper::GO)?;
    }
    let (status, messages) = mapper::run_to_end(mapper)?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(messages))
}

/// How the helper is started.
pub(super) fn helper() -> std::process::Command {
    let mut command = stage(mapper::STAGE);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}
