//! Being root of a user namespace, which is how an ordinary user has containers.
//!
//! [`enter()`] puts this very process into one: it keeps its number, its terminal, its signals, its
//! environment and its groups, and what it starts is in there with it. Its own user is root there, and the
//! users of images are numbers that the administrator has set apart (`/etc/subuid`). Files that those own in
//! a store can only be removed from inside.
//!
//! What asks for the account by its number finds root in there, as OpenSSH does, which looks for its keys in
//! the account's home directory. Such programs are sent on an [errand](crate::errand()).

mod enter;
mod ids;
mod mapper;
mod oneself;
mod probe;
mod trial;

use std::process::Command;

use crate::{files::host_text, reexec};

pub use enter::{Error, enter};
pub use ids::{Plan, Range};
pub use probe::{Report, probe};

pub(crate) use ids::find;
pub(crate) use mapper::{STAGE as MAPPER, mapper};
pub(crate) use oneself::{STAGE as ONESELF, become_oneself, before};
pub(crate) use trial::{STAGE as TRIAL, trial};

/// Whether this process is root of a user namespace that is not the machine's own.
#[must_use]
pub fn is_inside() -> bool {
    rustix::process::geteuid().is_root() && !is_outermost()
}

/// A command for a stage of this module, which may look for programs.
fn stage(name: &str) -> Command {
    let mut command = reexec::command(reexec::SELF, name);
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

fn is_outermost() -> bool {
    let map = host_text("/proc/self/uid_map").unwrap_or_default();
    // Without such namespaces, the file is not there.
    map.is_empty() || map.split_whitespace().eq(["0", "0", "4294967295"])
}
