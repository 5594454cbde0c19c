//! Entering a user namespace.

use std::{fs, io};

use nix::sched::{CloneFlags, unshare};
use thiserror::Error;

use super::{
    ids::{self, Plan},
    mapper::Mapper,
    restore_ids,
};

/// The reason why a process is not in a user namespace. After any error but [`Error::Threads`] the rights of the
/// process are undefined, and it should end.
#[derive(Debug, Error)]
pub enum Error {
    /// The process has threads, with which the kernel lets it enter none.
    #[error("a process with threads can't enter a user namespace")]
    Threads,
    /// The kernel, or a security module, refuses to make one.
    #[error("can't make a user namespace")]
    Refused(#[source] io::Error),
    /// No ids can be mapped into it.
    #[error("can't give numbers to the users of a namespace")]
    Map(#[source] io::Error),
}

/// Makes this process root of a user namespace, unless it is root already. Returns how.
///
/// Must be called before any thread starts.
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
            // The programs that may map ids have this right outside of the namespace only.
            let mapper = Mapper::start(&plan, uid, gid).map_err(Error::Map)?;
            unshare_user()?;
            mapper.finish().map_err(Error::Map)?;
        }
    }
    restore_ids::keep(uid, gid);
    Ok(plan)
}

fn unshare_user() -> Result<(), Error> {
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|errno| Error::Refused(errno.into()))
}

/// Maps the user's own ids to root, which every user may do after giving up the right to drop groups.
fn map_own(uid: u32, gid: u32) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}
