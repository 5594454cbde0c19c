//! What this machine lets this process do, for those who wonder why it does not.

use std::path::{Path, PathBuf};

use rustix::{process::geteuid, system::uname};
use serde::Serialize;

use super::{
    ids::{self, Plan, Range, is_inside},
    trial,
};
use crate::{
    files::host_text,
    programs,
    sandbox::{cgroup_parent, has_scopes, unsuited},
};

/// Everything that decides whether and how containers are possible. `None` is a question that this kernel does
/// not have.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The release of the kernel. Ordinary users need 5.11 or later, and so does everybody.
    pub kernel: String,
    /// Who this process is.
    pub euid: u32,
    /// Whether it is in a user namespace already.
    pub is_inside: bool,
    /// How it would get root's rights.
    pub plan: Plan,
    /// Why an empty container could not be made, where it was tried with those rights.
    pub trial: Result<(), String>,
    /// `user.max_user_namespaces`; with 0 there are none.
    pub max_user_namespaces: Option<u64>,
    /// `kernel.unprivileged_userns_clone`, of Debian; with 0 they are for root.
    pub unprivileged_userns_clone: Option<u64>,
    /// `kernel.apparmor_restrict_unprivileged_userns`, of Ubuntu; with 1 they are for programs with a profile.
    pub apparmor_restricts_userns: Option<u64>,
    /// Where `newuidmap` is.
    pub newuidmap: Option<PathBuf>,
    /// Where `newgidmap` is.
    pub newgidmap: Option<PathBuf>,
    /// The ranges in `/etc/subuid`.
    pub subuids: Vec<Range>,
    /// The ranges in `/etc/subgid`.
    pub subgids: Vec<Range>,
    /// The file system of the store, if it is one that can't hold containers.
    pub unsuited_store: Option<&'static str>,
    /// Where containers with limits for memory, processes and processors would have their cgroup.
    pub cgroup: Result<PathBuf, String>,
    /// Whether the kernel can restrict system calls.
    pub has_seccomp: bool,
    /// True when Landlock can keep containers from abstract sockets of the host.
    pub has_scopes: bool,
}

/// Finds everything out. Where containers will be, in `store` or where that would be made, a directory is made and
/// removed again. It takes as long as starting one.
#[must_use]
pub fn probe(store: &Path) -> Report {
    let there = nearest(store);
    Report {
        kernel: uname().release().to_string_lossy().into_owned(),
        euid: geteuid().as_raw(),
        is_inside: is_inside(),
        plan: Plan::make(),
        trial: trial::start(there),
        max_user_namespaces: setting("user/max_user_namespaces"),
        unprivileged_userns_clone: setting("kernel/unprivileged_userns_clone"),
        apparmor_restricts_userns: setting("kernel/apparmor_restrict_unprivileged_userns"),
        newuidmap: programs::find("newuidmap"),
        newgidmap: programs::find("newgidmap"),
        subuids: ids::ranges("/etc/subuid"),
        subgids: ids::ranges("/etc/subgid"),
        unsuited_store: unsuited(there).ok().flatten(),
        cgroup: cgroup_parent(&["cpu", "memory", "pids"]).map_err(|err| err.to_string()),
        has_seccomp: Path::new("/proc/sys/kernel/seccomp/actions_avail").exists(),
        has_scopes: has_scopes(),
    }
}

fn setting(name: &str) -> Option<u64> {
    let text = host_text(Path::new("/proc/sys").join(name));
    text.ok()?.trim().parse().ok()
}

/// The directory itself, or where it would be made.
fn nearest(dir: &Path) -> &Path {
    dir.ancestors().find(|dir| dir.is_dir()).unwrap_or(dir)
}
