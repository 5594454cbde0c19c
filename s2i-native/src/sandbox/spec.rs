//! The description of a container, as a caller gives it.

use std::path::PathBuf;

use s2i_build::{limits::Limits, request::HostName};
use serde::{Deserialize, Serialize};

/// A container that can be started.
///
/// Paths are absolute and in UTF-8.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sandbox {
    /// The unpacked layers of the image, the topmost first; at most 499.
    pub lowers: Vec<PathBuf>,
    /// The directory for everything that the container changes. Its content at the start is in the container as if
    /// the container had made it. It gets the mode, owner and time of the image's root, and no other change that the
    /// container did not make itself.
    pub upper: PathBuf,
    /// An empty directory in the same file system as `upper`, of no use afterwards.
    pub work: PathBuf,
    /// True if whiteouts and opaque directories are marked with `user.overlay.` attributes, as they must
    /// be in a user namespace, instead of `trusted.overlay.` ones.
    pub user_xattrs: bool,
    /// The network of the container.
    pub network: Network,
    /// The name of the machine, as the container sees it.
    pub hostname: String,
    /// The limits of its resources. All of them need cgroup v2.
    pub limits: Limits,
    /// Directories of other layers, mounted before everything that follows.
    pub overlays: Vec<Overlay>,
    /// Directories that are empty, writable and not kept.
    pub tmpfs: Vec<PathBuf>,
    /// Files and directories of the host, mounted in this order.
    pub binds: Vec<Bind>,
    /// Names of hosts beside those of this machine.
    #[serde(default)]
    pub hosts: Vec<HostName>,
    /// True if everything else is read-only.
    pub read_only: bool,
    /// The first process.
    pub program: Program,
}

/// Directories of other layers in the container, as one.
///
/// Devices in it can't be opened, and programs in it give no rights. Its mount point is made if it is missing, and is
/// not among the changes of the container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlay {
    /// The directories, the topmost first; at least one. Opaque parents of theirs do not count.
    pub lowers: Vec<PathBuf>,
    /// As for the [container](Sandbox::upper).
    pub upper: PathBuf,
    /// As for the [container](Sandbox::work).
    pub work: PathBuf,
    /// The path in the container.
    pub at: PathBuf,
}

/// The network of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// The host's own network, with its name servers.
    Host,
    /// A network with a loopback interface alone.
    None,
}

/// A file or directory of the host in the container.
///
/// Devices in it can't be opened, and programs in it give no rights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// The path on the host.
    pub from: PathBuf,
    /// The path in the container.
    pub to: PathBuf,
    /// True if it is read-only, with everything that is mounted below it on the host.
    pub read_only: bool,
}

/// The first process of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// The agent of s2i as root of the container, from memory: it has no file there. When the container
    /// can't be made, a [`Failure`](s2i_core::wire::Failure) comes on standard output in place of its hello.
    Agent {
        /// True if the user that it acts for is root, with root's usual capabilities.
        for_root: bool,
    },
    /// An image's own command, as `docker run` would start it. It also fails like that: with a message on standard
    /// error, and with 125, with 126 when it can't be executed, or with 127 when it is not there.
    Direct(Direct),
    /// No program: the container ends with 0 once it is set up, which shows that containers are possible.
    Nothing,
}

/// A command of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Direct {
    /// The program, which is looked for on the `PATH` of `env`, and its arguments.
    pub argv: Vec<String>,
    /// The environment, as `name=value`. `PATH`, `HOME` and `HOSTNAME` are added where they are absent.
    pub env: Vec<String>,
    /// The working directory; made if it is not there, `/` if it is empty.
    pub cwd: String,
    /// `user[:group]`, names or numbers; empty is root.
    pub user: String,
}
