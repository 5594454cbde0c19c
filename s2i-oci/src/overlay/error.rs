//! Why a layer can't be unpacked or packed.

use std::{io, path::PathBuf};

use rustix::io::Errno;
use s2i_core::{
    archive::{ArchiveFault, grammar::shown},
    bounds::Limit,
};
use thiserror::Error;

/// Why a layer was refused or could not be unpacked.
#[derive(Debug, Error)]
pub enum UnpackError {
    /// It is compressed in a way that no layer is.
    #[error("the layer is compressed with {0}, which is none of gzip and zstd")]
    Compression(&'static str),
    /// The archive as a whole is bad.
    #[error("the layer {0}")]
    Layer(ArchiveFault),
    /// One entry is bad.
    #[error("the layer's entry `{entry}` {fault}")]
    Entry {
        /// Its name, made fit to be shown.
        entry: String,
        /// What is wrong with it.
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
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// The file system refused something.
    #[error("can't unpack the layer's entry `{entry}`")]
    Write {
        /// The entry's name, made fit to be shown.
        entry: String,
        /// What the file system said.
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

    /// Whether the layer is bad, in contrast to trouble with its stream or the file system.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Compression(_) | Self::Layer(_) | Self::Entry { .. }
        )
    }
}

impl From<ArchiveFault> for UnpackError {
    fn from(fault: ArchiveFault) -> Self {
        Self::Layer(fault)
    }
}

/// What can be wrong with one entry of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EntryFault {
    /// The name is empty.
    #[error("has no name")]
    NoName,
    /// The name has a NUL byte.
    #[error("has a NUL byte in its name")]
    Nul,
    /// The name has a component `..`.
    #[error("climbs with `..`")]
    Climbs,
    /// The name is too long.
    #[error("has a name of more than {0} bytes")]
    LongName(usize),
    /// A component of the name is too long for any file system.
    #[error("has a component of more than {0} bytes in its name")]
    LongComponent(usize),
    /// The name has too many components, links that it goes through included.
    #[error("is more than {0} directories deep")]
    Deep(usize),
    /// Something other than a directory is called `.`.
    #[error("is no directory and names the root")]
    Root,
    /// Something other than a directory has a name that ends with a slash.
    #[error("is no directory and has a name that ends with a slash")]
    Slash,
    /// A long name and a PAX record give it two names or two targets.
    #[error("is named twice")]
    NamedTwice,
    /// The PAX record and the header give two sizes.
    #[error("has two sizes: {header} bytes in its header and {pax} in its PAX record")]
    TwoSizes {
        /// The header's.
        header: u64,
        /// The PAX record's.
        pax: u64,
    },
    /// Something other than a file has contents.
    #[error("is no file and has {0} bytes of contents")]
    Contents(u64),
    /// A user or group that does not exist on Linux.
    #[error("belongs to the {0} {1}, which is no valid number")]
    Owner(&'static str, u64),
    /// A device whose number does not exist on Linux, or means something else to overlayfs.
    #[error("is the device {0}/{1}, which can't be in a layer")]
    Device(u64, u64),
    /// A sparse file in one of the PAX formats, or a broken one.
    #[error("is a sparse file {0}")]
    Sparse(&'static str),
    /// A type that no standard knows.
    #[error("is of the unknown type {0:?}")]
    UnknownType(char),
    /// A link without target.
    #[error("is a link without a target")]
    NoTarget,
    /// A link's target has a NUL byte.
    #[error("is a link whose target has a NUL byte in it")]
    TargetNul,
    /// A link's target is too long.
    #[error("is a link whose target has more than {0} bytes")]
    LongTarget(usize),
    /// The target of a hard link is no name that an entry could have.
    #[error("is a hard link to `{target}`, which {fault}")]
    Target {
        /// The target, made fit to be shown.
        target: String,
        /// What is wrong with it.
        fault: Box<EntryFault>,
    },
    /// The target of a hard link is not in the layer, or not before it.
    #[error("is a hard link to `{0}`, which is not before it in the layer")]
    TargetMissing(String),
    /// The target of a hard link is a directory.
    #[error("is a hard link to `{0}`, which is a directory")]
    TargetDirectory(String),
    /// A directory above it is something else.
    #[error("lies below `{0}`, which is no directory")]
    BelowFile(String),
    /// A directory above it is reached through too many links.
    #[error("lies below more than {0} symbolic links")]
    Links(usize),
    /// A directory above it has a name that only whiteouts have.
    #[error("lies below a whiteout")]
    BelowWhiteout,
    /// A whiteout of nothing, of its own directory or of the one above.
    #[error("is a whiteout of no file")]
    Whiteout,
    /// A whiteout or mark that is something other than a file.
    #[error("is a whiteout, but no file")]
    WhiteoutType,
    /// It is no directory, and there is one of its name that is not empty.
    #[error("would replace a directory that is not empty")]
    OnDirectory,
}

/// What went wrong, before it is known with which entry.
#[derive(Debug)]
pub(super) enum Trouble {
    Refused(EntryFault),
    Failed(io::Error),
    Whole(UnpackError),
}

impl Trouble {
    /// The error that says this of an entry.
    pub(super) fn with(self, name: &[u8]) -> UnpackError {
        let entry = shown(name);
        match self {
            Self::Refused(fault) => UnpackError::Entry { entry, fault },
            Self::Failed(source) => UnpackError::Write { entry, source },
            Self::Whole(err) => err,
        }
    }

    /// Whether it says of a path that nothing can be there.
    pub(super) fn is_absence(&self) -> bool {
        match self {
            Self::Refused(fault) => matches!(fault, EntryFault::BelowFile(_)),
            Self::Failed(err) => err.kind() == io::ErrorKind::NotFound,
            Self::Whole(_) => false,
        }
    }
}

impl From<EntryFault> for Trouble {
    fn from(fault: EntryFault) -> Self {
        Self::Refused(fault)
    }
}

impl From<io::Error> for Trouble {
    fn from(source: io::Error) -> Self {
        Self::Failed(source)
    }
}

impl From<Errno> for Trouble {
    fn from(errno: Errno) -> Self {
        Self::Failed(errno.into())
    }
}

impl From<ArchiveFault> for Trouble {
    fn from(fault: ArchiveFault) -> Self {
        Self::Whole(fault.into())
    }
}

impl From<UnpackError> for Trouble {
    fn from(err: UnpackError) -> Self {
        Self::Whole(err)
    }
}

/// Why a tree could not be packed.
#[derive(Debug, Error)]
pub enum PackError {
    /// Something can't be read.
    #[error("can't read `{path}` of the layer")]
    Read {
        /// Its path in the tree, made fit to be shown.
        path: String,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// The time of something can't be set.
    #[error("can't set the time of `{path}` of the layer")]
    Clamp {
        /// Its path in the tree, made fit to be shown.
        path: String,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// Something can't be in a layer.
    #[error("`{path}` of the layer {fault}")]
    Entry {
        /// Its path in the tree, made fit to be shown.
        path: String,
        /// What is wrong with it.
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
            Self::Entry {
                fault: PackFault::Bytes(_),
                ..
            } => Some(Limit::Bytes),
            Self::Entry {
                fault: PackFault::Entries(_),
                ..
            } => Some(Limit::Entries),
            _ => None,
        }
    }
}

/// What can be wrong with something in a tree.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PackFault {
    /// It is not what it was a moment ago.
    #[error("changed while it was read")]
    Changed,
    /// It has more bytes than it had at the start.
    #[error("grew while it was read")]
    Grew,
    /// It has fewer bytes than it had at the start.
    #[error("shrank while it was read")]
    Shrank,
    /// With it the archive has more bytes than allowed.
    #[error("brings it to more than {0} bytes")]
    Bytes(u64),
    /// With it, or with what is in it, there are more entries than allowed.
    #[error("brings it to more than {0} entries")]
    Entries(u64),
    /// Its path is too long.
    #[error("has a path of more than {0} bytes")]
    LongPath(usize),
    /// Its path has too many components.
    #[error("is more than {0} directories deep")]
    Deep(usize),
    /// Its name would mean the removal of something.
    #[error("has a name that means a removal in a layer")]
    Whiteout,
    /// overlayfs left a mark on it that is worth nothing without the layers below.
    #[error("carries overlayfs' mark `{0}`, which no layer can express")]
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
