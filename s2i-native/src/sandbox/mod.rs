//! A process tree of its own, over layers of a store.
//!
//! ```text
//!  s2i ──► monitor ───────────────► init ────────────────► the agent, or an image's command
//!          makes namespaces; waits  process 1 of them:     by exec, so it is process 1 itself
//!                                   mounts, root, rights
//! ```
//!
//! Both stages are this program, [started again](crate::reexec()). Each is killed when the one before it ends, and
//! with process 1 the kernel kills every process of its namespace, so nothing outlives s2i, however it ends. All
//! mounts are in a namespace of their own and go with it.
//!
//! A container has what Docker gives it: its capabilities, its system calls, its mounts and masks. It lacks these:
//!
//! - `MKNOD`, and devices of a layer, which can't be opened: nothing else would keep root from the disks;
//! - `NET_RAW` on the host's network, where it would read all traffic;
//! - `SYS_CHROOT` where s2i itself does not have the machine's own root;
//! - programs of 32 bits on processors of 64;
//! - a profile of `AppArmor` or `SELinux`;
//! - a network of its own, except for an empty one. On the host's network, it can reach everything that listens on an
//!   address of the machine.
//!
//! Landlock also keeps the container's processes from abstract sockets of the host, where the kernel can.
//!
//! Real root is not put into a user namespace: files in the store would then have owners that no other
//! user of the store understands. To have one, s2i can be started as an ordinary user.

mod agent;
mod cgroup;
mod descriptors;
mod dev;
mod direct;
mod error;
pub(crate) mod init;
mod init_args;
mod init_layer;
mod lifeline;
mod loopback;
mod metadata;
pub(crate) mod monitor;
mod mountinfo;
mod mounts;
mod overlay;
mod privileges;
mod rootfs;
mod running;
mod scope;
mod seccomp;
mod spawn;
mod spec;

pub use error::Error;
pub use running::{Killer, Running};
pub use s2i_build::limits::Limits;
pub use spec::{Bind, Direct, Network, Overlay, Program, Sandbox};

pub(crate) use cgroup::parent_for as cgroup_parent;
pub(crate) use metadata::copy_metadata;
#[cfg(test)]
pub(crate) use metadata::set_time;
pub(crate) use overlay::unsuited;
pub(crate) use scope::is_supported as has_scopes;
