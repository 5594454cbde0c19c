//! A report of all that decides if containers are possible on this machine.

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

/// A report of all that decides if containers are possible, and how. `None` stands for a setting that this kernel
/// lacks.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The release of the kernel. It must be 5.11 or later.
    pub kernel: String,
    /// The effective user id of this process.
    pub euid: u32,
    /// True if this process is in a user namespace already.
    pub is_inside: bool,
    /// The way in which it would get root's rights.
    pub plan: Plan,
    /// The result of making an empty container with those rights; the error is the reason of a failure.
    pub trial: Result<(), String>,
    /// `user.max_user_namespaces`; with 0 there are none.
    pub max_user_namespaces: Option<u64>,
    /// `kernel.unprivileged_userns_clone`, of Debian; with 0 they are for root.
    pub unprivileged_userns_clone: Option<u64>,
    /// `kernel.apparmor_restrict_unprivileged_userns`, of Ubuntu; with 1 they are for programs with a profile.
    pub apparmor_restricts_userns: Option<u64>,
    /// The path of `newuidmap`.
    pub newuidmap: Option<PathBuf>,
    /// The path of `newgidmap`.
    pub newgidmap: Option<PathBuf>,
    /// The ranges in `/etc/subuid`.
    pub subuids: Vec<Range>,
    /// The ranges in `/etc/subgid`.
    pub subgids: Vec<Range>,
    /// The file system of the store, if it does not support containers.
    pub unsuited_store: Option<&'static str>,
    /// The parent of the cgroups of containers with limits for memory, processes and processors.
    pub cgroup: Result<PathBuf, String>,
    /// True if the kernel can restrict system calls.
    pub has_seccomp: bool,
    /// True if Landlock can keep containers from abstract sockets of the host.
    pub has_scopes: bool,
}

/// Makes the report. Makes and removes a container in `store` or its nearest existing parent, which takes as long as
/// starting one.
#[must_use]
pub fn probe(store: &Path) -> Report {
    let dir = nearest(store);
    Report {
        kernel: uname().release().to_string_lossy().into_owned(),
        euid: geteuid().as_raw(),
        is_inside: is_inside(),
        plan: Plan::make(),
        trial: trial::start(dir),
        max_user_namespaces: setting("user/max_user_namespaces"),
        unprivileged_userns_clone: setting("kernel/unprivileged_userns_clone"),
        apparmor_restricts_userns: setting("kernel/apparmor_restrict_unprivileged_userns"),
        newuidmap: programs::find("newuidmap"),
        newgidmap: programs::find("newgidmap"),
        subuids: ids::ranges("/etc/subuid"),
        subgids: ids::ranges("/etc/subgid"),
        unsuited_store: unsuited(dir).ok().flatten(),
        cgroup: cgroup_parent(&["cpu", "memory", "pids"]).map_err(|err| err.to_string()),
        has_seccomp: Path::new("/proc/sys/kernel/seccomp/actions_avail").exists(),
        has_scopes: has_scopes(),
    }
}

fn setting(name: &str) -> Option<u64> {
    let text = host_text(Path::new("/proc/sys").join(name));
    text.ok()?.trim().parse().ok()
}

/// Returns the directory itself or its nearest existing parent.
fn nearest(dir: &Path) -> &Path {
    dir.ancestors().find(|dir| dir.is_dir()).unwrap_or(dir)
}
