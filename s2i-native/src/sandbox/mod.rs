//! A process tree of its own, over layers of a store.
//!
//! ```text
//!  s2i ──► outer ─────────────────► inner ──────────────► the agent, or an image's command
//!          own namespaces; waits    process 1 of them:    by exec, so it is process 1 itself
//!                                   mounts, root, rights
//! ```
//!
//! Both stages are this program, [started again](crate::reexec()). Each dies when the one before it dies, and
//! process 1 takes every process of its namespace along, so nothing outlives s2i, however it ends. All
//! mounts are in a namespace of their own and go with it.
//!
//! What is there is what Docker gives: its capabilities, its system calls, its mounts and masks. Less
//! than there:
//!
//! - no `MKNOD`, and no device of a layer can be opened: nothing else would keep root from the disks;
//! - no `NET_RAW` on the host's network, where it would read everybody's traffic;
//! - no `SYS_CHROOT` where s2i itself does not have the machine's own root;
//! - no programs of 32 bits on processors of 64;
//! - no profile of `AppArmor` or `SELinux`;
//! - no network of its own but for none at all. On the host's, everything can be reached that listens on an
//!   address of the machine.
//!
//! More than there: Landlock keeps the container's processes from abstract sockets of the host, where
//! the kernel can.
//!
//! Real root is not put into a user namespace: files in the store would then have owners that no other
//! user of the store understands. Who wants one starts s2i as an ordinary user.

mod account;
mod agent;
mod cgroup;
mod descriptors;
mod dev;
mod direct;
mod error;
mod fault;
mod handover;
mod init_layer;
mod inner;
mod loopback;
mod mountinfo;
mod mounts;
mod outer;
mod overlay;
mod point;
mod privileges;
mod running;
mod scope;
mod seccomp;
mod spawn;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use error::Error;
pub use running::{Killer, Running};

pub(crate) use cgroup::place as cgroup_place;
pub(crate) use inner::{STAGE as INNER, inner};
pub(crate) use outer::{STAGE as OUTER, outer};
#[cfg(test)]
pub(crate) use overlay::set_time;
pub(crate) use overlay::{adopt, unsuited};
pub(crate) use scope::is_supported as has_scopes;

/// A container that can be started.
///
/// Paths are absolute and are UTF-8.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sandbox {
    /// The unpacked layers of the image, the topmost first; at most 499.
    pub lowers: Vec<PathBuf>,
    /// A directory that gets everything that the container changes. What is in it already is in the container
    /// as if it had made it. It gets the mode, owner and time of the image's root, and nothing else that the
    /// container did not do itself.
    pub upper: PathBuf,
    /// An empty directory in the same file system as `upper`, of no use afterwards.
    pub work: PathBuf,
    /// Whether whiteouts and opaque directories are marked with `user.overlay.` attributes, as they must
    /// be in a user namespace, instead of `trusted.overlay.` ones.
    pub user_xattrs: bool,
    /// What can be reached.
    pub network: Network,
    /// The name of the machine, as the container sees it.
    pub hostname: String,
    /// What may be used.
    pub limits: Limits,
    /// Directories of other layers, mounted before everything that follows.
    pub overlays: Vec<Overlay>,
    /// Directories that are empty, writable and not kept.
    pub tmpfs: Vec<PathBuf>,
    /// Files and directories of the host, mounted in this order.
    pub binds: Vec<Bind>,
    /// Whether nothing else can be written to.
    pub read_only: bool,
    /// What runs.
    pub program: Program,
}

/// Directories of other layers in the container, as one.
///
/// Nothing in it can be a device or give rights. The place that it is mounted at is made where it is not
/// there, and is not among the changes of the container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlay {
    /// The directories, the topmost first; at least one. What they lie in does not count.
    pub lowers: Vec<PathBuf>,
    /// As for the [container](Sandbox::upper).
    pub upper: PathBuf,
    /// As for the [container](Sandbox::work).
    pub work: PathBuf,
    /// Where it is in the container.
    pub at: PathBuf,
}

/// What a container can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// The host's own network, with its name servers.
    Host,
    /// Itself.
    None,
}

/// What a container may use. Everything needs cgroup v2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory; as much again may be swapped out.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
    /// Processors, in thousandths of one.
    pub cpu_millis: Option<u64>,
}

/// A file or directory of the host in the container.
///
/// Nothing in it can be a device or give rights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// Where it is on the host.
    pub from: PathBuf,
    /// Where it is in the container.
    pub to: PathBuf,
    /// True when it can't be changed, with everything that is mounted below it on the host.
    pub read_only: bool,
}

/// The first process of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// The agent of s2i as root of the container, from memory: it has no file there. When the container
    /// can't be made, a [`Failure`](s2i_core::wire::Failure) comes on standard output in place of its hello.
    Agent {
        /// Whether the user that it acts for is root, and has root's usual capabilities.
        for_root: bool,
    },
    /// An image's own command, as `docker run` would start it, also in how it fails: with a message on standard
    /// error, and with 125, with 126 when it can't be executed, or with 127 when it is not there.
    Direct(Direct),
    /// Nothing: it ends once everything is set up, with 0. To find out whether containers are possible.
    Nothing,
}

/// A command of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Direct {
    /// The program, which is looked for on the `PATH` of `env`, and its arguments.
    pub argv: Vec<String>,
    /// The environment, as `name=value`. `PATH`, `HOME` and `HOSTNAME` are added where they are absent.
    pub env: Vec<String>,
    /// Where it starts; made when it is not there, `/` when it is empty.
    pub cwd: String,
    /// `user[:group]`, names or numbers; empty is root.
    pub user: String,
}
