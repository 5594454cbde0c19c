//! The errors of unpacking and packing layers.

use std::{io, path::PathBuf};

use rustix::io::Errno;
use s2i_core::{
    archive::{self, ArchiveFault, ReadError, shown},
    bounds::Limit,
};
use thiserror::Error;

/// The reason why a layer was refused or could not be unpacked.
#[derive(Debug, Error)]
pub enum UnpackError {
    /// The archive as a whole is bad.
    #[error("the layer {0}")]
    Layer(ArchiveFault),
    /// One entry is bad.
    #[error("the layer's entry `{entry}` {fault}")]
    Entry {
        /// Its name, as it can be shown.
        entry: String,
        /// The fault.
        fault: EntryFault,
    },
    /// The stream that the layer comes from failed, or can't be decompressed.
    #[error("the layer can't be read")]
    Read(#[source] io::Error),
    /// The directory can't be used.
    #[error("can't unpack a layer into {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The error of the file system.
        #[source]
        source: io::Error,
    },
    /// The file system refused something.
    #[error("can't unpack the layer's entry `{entry}`")]
    Write {
        /// The entry's name, as it can be shown.
        entry: String,
        /// The error of the file system.
        #[source]
        source: io::Error,
    },
}

impl UnpackError {
    /// The limit that was reached, if that is why.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::Layer(ArchiveFault::Bytes(_)) => Some(Limit::Bytes),
            Self::Layer(ArchiveFault::Entries(_)) => Some(Limit::Entries),
            _ => None,
        }
    }

    /// Returns whether the layer is bad, in contrast to failures of its stream or the file system.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Layer(_) | Self::Entry { .. })
    }
}

impl From<ReadError> for UnpackError {
    fn from(err: ReadError) -> Self {
        match err {
            ReadError::Archive(fault) => Self::Layer(fault),
            ReadError::Entry { entry, fault } => Self::Entry {
                entry,
                fault: fault.into(),
            },
            ReadError::Stream(err) => Self::Read(err),
        }
    }
}

/// A fault of one entry of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EntryFault {
    /// The entry can't be in any archive.
    #[error(transparent)]
    Archive(#[from] archive::EntryFault),
    /// The target of a hard link is not in the layer, or not before it.
    #[error("is a hard link to `{0}`, which is not before it in the layer")]
    TargetMissing(String),
    /// The target of a hard link is a directory.
    #[error("is a hard link to `{0}`, which is a directory")]
    TargetDirectory(String),
    /// A directory above it is something else.
    #[error("lies below `{0}`, which is not a directory")]
    BelowFile(String),
    /// A directory above it is reached through too many links.
    #[error("lies below more than {0} symbolic links")]
    Links(usize),
    /// A directory above it has a name that only whiteouts have.
    #[error("lies below a whiteout")]
    BelowWhiteout,
    /// A whiteout of nothing, of its own directory or of the one above.
    #[error("is a whiteout without the name of a file")]
    Whiteout,
    /// A whiteout or mark that is something other than a file.
    #[error("is a whiteout, but not a file")]
    WhiteoutType,
    /// The entry is not a directory, and a directory of its name exists that is not empty.
    #[error("would replace a directory that is not empty")]
    OnDirectory,
}

/// An error without the entry that it is about.
#[derive(Debug)]
pub(super) enum EntryError {
    Fault(EntryFault),
    Io(io::Error),
    /// The error of the whole layer.
    Layer(UnpackError),
}

impl EntryError {
    /// The error about an entry.
    pub(super) fn with(self, name: &[u8]) -> UnpackError {
        let entry = shown(name);
        match self {
            Self::Fault(fault) => UnpackError::Entry { entry, fault },
            Self::Io(source) => UnpackError::Write { entry, source },
            Self::Layer(err) => err,
        }
    }

    /// Returns whether it means that nothing can be at a path.
    pub(super) fn is_absence(&self) -> bool {
        match self {
            Self::Fault(fault) => matches!(fault, EntryFault::BelowFile(_)),
            Self::Io(err) => err.kind() == io::ErrorKind::NotFound,
            Self::Layer(_) => false,
        }
    }
}

impl From<EntryFault> for EntryError {
    fn from(fault: EntryFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<archive::EntryFault> for EntryError {
    fn from(fault: archive::EntryFault) -> Self {
        Self::Fault(fault.into())
    }
}

impl From<io::Error> for EntryError {
    fn from(source: io::Error) -> Self {
        Self::Io(source)
    }
}

impl From<Errno> for EntryError {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

impl From<ReadError> for EntryError {
    fn from(err: ReadError) -> Self {
        Self::Layer(err.into())
    }
}

/// The reason why a tree could not be packed.
#[derive(Debug, Error)]
pub enum PackError {
    /// A file or directory can't be read.
    #[error("can't read `{path}` of the layer")]
    Read {
        /// Its path in the tree, as it can be shown.
        path: String,
        /// The error of the file system.
        #[source]
        source: io::Error,
    },
    /// The time of a file or directory can't be set.
    #[error("can't set the time of `{path}` of the layer")]
    Clamp {
        /// Its path in the tree, as it can be shown.
        path: String,
        /// The error of the file system.
        #[source]
        source: io::Error,
    },
    /// A file or directory can't be in a layer.
    #[error("`{path}` of the layer {fault}")]
    Entry {
        /// Its path in the tree, as it can be shown.
        path: String,
        /// The fault.
        fault: PackFault,
    },
    /// The archive can't be written.
    #[error("the layer can't be written")]
    Write(#[source] io::Error),
    /// The caller's check ended it.
    #[error("packing the layer was stopped")]
    Stopped(#[source] io::Error),
}

impl PackError {
    /// The limit that was reached, if that is why.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::Entry { fault, .. } => match fault {
                PackFault::Bytes(_) => Some(Limit::Bytes),
                PackFault::Entries(_) => Some(Limit::Entries),
                _ => None,
            },
            _ => None,
        }
    }
}

/// A fault of a file of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PackFault {
    /// The file was replaced while it was read.
    #[error("changed while it was read")]
    Changed,
    /// The file grew while it was read.
    #[error("grew while it was read")]
    Grew,
    /// The file shrank while it was read.
    #[error("shrank while it was read")]
    Shrank,
    /// The file makes the archive larger than allowed.
    #[error("brings it to more than {0} bytes")]
    Bytes(u64),
    /// The file, or the contents of the directory, makes the archive have more entries than allowed.
    #[error("brings it to more than {0} entries")]
    Entries(u64),
    /// Its path is too long.
    #[error("has a path of more than {0} bytes")]
    LongPath(usize),
    /// Its path has too many components.
    #[error("is more than {0} directories deep")]
    Deep(usize),
    /// The name is that of a whiteout.
    #[error("has a name that means a removal in a layer")]
    Whiteout,
    /// The file has a mark of overlayfs that has no meaning without the layers below.
    #[error("has overlayfs' attribute `{0}`, which a layer can't express")]
    Mark(String),
    /// More bytes of attributes than one entry can have.
    #[error("has more than {0} bytes of extended attributes")]
    Attributes(usize),
    /// The name of an attribute can't be written to an archive.
    #[error("has an extended attribute with `=` in its name, `{0}`")]
    Attribute(String),
    /// Its type is unknown.
    #[error("is of an unknown type")]
    Type,
}
