//! Layer archives as trees in overlayfs' own dialect, and back.
//!
//! [`unpack()`] turns a layer, compressed or not, into a directory that overlayfs takes as a lower one; [`pack()`]
//! turns such a directory, or the upper directory of a build, into a layer. In an archive a removed file is a file
//! `.wh.NAME` and a directory that hides the contents of lower layers holds a file `.wh..wh..opq`; in a tree the first
//! is a character device 0/0 and the second an extended attribute, whose name depends on the [`Dialect`].
//!
//! # Preserved properties
//! Files, directories, symbolic and hard links, devices and FIFOs with modes (all twelve bits), owners by number,
//! modification times, and of the extended attributes of files and directories `security.capability` and `user.*`, as
//! Docker does. Attributes of overlayfs itself are never taken from an archive and never written to one, because they
//! could change the contents of a directory. Sockets are not part of a layer.
//!
//! # Limits of unpacking one layer at a time
//! A tree has no information about the layers below it. Where a layer has `lib/x` and a lower one the link
//! `lib -> usr/lib`, the tree has a directory `lib`, which hides the link; Docker, which unpacks onto the merged
//! layers, writes through it. And a directory that has no entry of its own becomes root's with mode 0755, even if it
//! differs in a lower layer. containerd's overlay differ is the same in the first, and looks into the lower layers for
//! the second.
//!
//! overlayfs ignores the opaque mark on the root of a layer. A caller that mounts one checks [`is_opaque`] and leaves
//! out the layers below.
//!
//! # In a user namespace
//! Device nodes can't be created there and are left out of the tree. Owners that the namespace does not map can't exist
//! there: such a file stays root's, without its set-ID bits. So [`pack()`] restores the archive of [`unpack()`] only
//! for layers without such files; those that are built there have none.

mod clamp;
mod content;
mod copy;
mod dirs;
mod error;
mod list;
mod meta;
mod name;
pub(crate) mod pack;
mod stream;
mod unpack;
mod xattr;

use std::{fs, io, path::Path};

use rustix::io::Errno;
use s2i_core::{
    archive::{End, Names, Rules},
    bounds,
};

pub use clamp::Clamp;
pub(crate) use content::SparseWriter;
pub use error::{EntryFault, PackError, PackFault, UnpackError};
pub use list::{Part, list};
pub use pack::{pack, pack_within};
pub use s2i_core::bounds::Limits;
pub use unpack::{unpack, unpack_while};

/// The prefix of whiteouts: a file in an archive that removes the file with the rest of its name.
const WHITEOUT: &[u8] = b".wh.";

/// The prefix of the names that are marks of a layer and not files. A whiteout of a name that itself starts like a
/// whiteout is not possible.
const MARK: &[u8] = b".wh..wh.";

/// The mark in a directory that hides the contents of lower layers.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// The most bytes of a name or of a link's target: the kernel's limit.
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

/// The form of the marks of opaque directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Attributes that only the real root can write: overlayfs' default.
    Trusted,
    /// Attributes that the root of a user namespace can write; overlayfs reads them when it is mounted with
    /// `userxattr`.
    User,
}

impl Dialect {
    /// The dialect that this process can write: [`Trusted`](Self::Trusted) for the root of a namespace that maps every
    /// user to itself.
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

    /// The prefix of the names of all attributes that have a meaning to overlayfs.
    fn prefix(self) -> &'static [u8] {
        match self {
            Self::Trusted => b"trusted.overlay.",
            Self::User => b"user.overlay.",
        }
    }
}

/// Returns whether a directory of a tree, such as its root, hides the contents of lower layers.
///
/// # Errors
/// Errors of the file system.
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

/// The size of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes of the uncompressed archive.
    pub bytes: u64,
    /// Entries of all types, whiteouts and marks among them.
    pub files: u64,
}
