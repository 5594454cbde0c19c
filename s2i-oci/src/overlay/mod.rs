//! Layer archives as trees in overlayfs' own dialect, and back.
//!
//! [`unpack()`] makes of a layer, compressed or not, a directory that overlayfs takes as a lower one;
//! [`pack()`] makes of such a directory, or of what a build left in the upper one, a layer. In an archive
//! a removed file is a file `.wh.NAME` and a directory that hides what lower layers have in it holds a
//! file `.wh..wh..opq`; in a tree the first is a character device 0/0 and the second an extended
//! attribute, whose name is the [`Dialect`].
//!
//! # What is kept
//! Files, directories, symbolic and hard links, devices and FIFOs with modes (all twelve bits), owners by
//! number, modification times, and of the extended attributes of files and directories
//! `security.capability` and `user.*`, as Docker does. Attributes of overlayfs itself are never taken from an archive and never written to one,
//! because they could make any directory show another one. Sockets are no matter of a layer.
//!
//! # What unpacking one layer at a time can't do
//! A tree knows nothing of the layers below it. Where a layer has `lib/x` and a lower one the link
//! `lib -> usr/lib`, the tree has a directory `lib`, which hides the link; Docker, which unpacks onto the
//! merged layers, writes through it. And a directory that has no entry of its own becomes root's with
//! mode 0755, whatever it is in a lower layer. containerd's overlay differ is the same in the first, and
//! looks into the lower layers for the second.
//!
//! overlayfs ignores the opaque mark on the root of a layer. Who mounts asks [`is_opaque`] and leaves out
//! what lies below.
//!
//! # In a user namespace
//! Device nodes can't be made there and are left out of the tree. Owners that the namespace does not map
//! can't exist there: such a file stays root's, without its set-ID bits. So [`pack()`] gives back what
//! [`unpack()`] took only for layers without such files; those that are built there have none.

mod clock;
mod content;
mod copy;
mod dirs;
mod error;
mod list;
mod meta;
mod name;
mod pack;
mod stream;
mod unpack;
mod xattr;

use std::{fs, io, path::Path, time::SystemTime};

use rustix::io::Errno;
use s2i_core::{
    archive::{End, Names, Rules},
    bounds,
};

pub(crate) use content::SparseWriter;
pub use error::{EntryFault, PackError, PackFault, UnpackError};
pub use list::{Part, list};
pub use pack::{pack, pack_within};
pub use s2i_core::bounds::Limits;
pub use unpack::{unpack, unpack_while};

/// What a file's name starts with in an archive, where the rest of it is removed.
const WHITEOUT: &[u8] = b".wh.";

/// What all names start with that are marks of a layer and no files: whiteouts of a name that itself
/// starts like a whiteout do not exist.
const MARK: &[u8] = b".wh..wh.";

/// The mark in a directory that hides what lower layers have in it.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// The most bytes of a name or of a link's target: what the kernel takes.
const MAX_PATH: usize = bounds::PATH;

/// The rules for layers: all that a root file system has, and names as engines take them.
const RULES: Rules = Rules {
    types: b"0123456S\0",
    names: Names::Rooted,
    keeps_xattr: xattr::is_kept,
    end: End::Stream,
    takes_no_mode: true,
    bounds_archive: true,
    form: "plain tar, or compressed with gzip or zstd",
};

/// How the marks of an opaque directory are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// As attributes that only the real root can write: what overlayfs reads by default.
    Trusted,
    /// As attributes that the root of a user namespace can write: what overlayfs reads when it is mounted
    /// with `userxattr`.
    User,
}

impl Dialect {
    /// The one that this process can write: [`Trusted`](Self::Trusted) for the root of a namespace that
    /// maps every user to itself.
    #[must_use]
    pub fn of_this_process() -> Self {
        let is_root = rustix::process::geteuid().is_root();
        let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        if is_root && map.split_whitespace().eq(["0", "0", "4294967295"]) {
            Self::Trusted
        } else {
            Self::User
        }
    }

    /// The name of the attribute that marks an opaque directory; its value is `y`.
    #[must_use]
    pub fn opaque(self) -> &'static str {
        match self {
            Self::Trusted => "trusted.overlay.opaque",
            Self::User => "user.overlay.opaque",
        }
    }

    /// What the names of all attributes start with that overlayfs gives a meaning.
    fn prefix(self) -> &'static [u8] {
        match self {
            Self::Trusted => b"trusted.overlay.",
            Self::User => b"user.overlay.",
        }
    }
}

/// Whether a directory of a tree, such as its root, hides what lower layers have in it.
///
/// # Errors
/// What the file system says.
pub fn is_opaque(directory: &Path, dialect: Dialect) -> io::Result<bool> {
    let mut value = [0; 1];
    match rustix::fs::getxattr(directory, dialect.opaque(), &mut value) {
        Ok(_) => Ok(value == *b"y"),
        // A longer value is another one.
        Err(Errno::RANGE) => Ok(false),
        Err(err) if xattr::is_absent(err) => Ok(false),
        Err(err) => Err(err.into()),
    }
}

/// How large a layer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes of the uncompressed archive.
    pub bytes: u64,
    /// Entries of all types, whiteouts and marks among them.
    pub files: u64,
}

/// Gives everything new one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clamp {
    /// What was modified later than this is new. File systems take the time from a clock that may lag
    /// some milliseconds: use the modification time of a file that was written at the start, not what
    /// [`SystemTime::now`] says.
    pub after: SystemTime,
    /// The time of what is new, in seconds since 1970.
    pub mtime: u64,
}
