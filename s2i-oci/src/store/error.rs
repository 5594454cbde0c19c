//! The errors of a store.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
};

use s2i_core::{ImageRef, archive::ArchiveFault, bounds::Limit};
use thiserror::Error;

use super::import::fault::ImportFault;
use crate::{
    Digest,
    archive::ArchiveError,
    manifest::ManifestFault,
    overlay::{PackError, UnpackError},
};

/// An error of an operation on the store.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file system refused something.
    #[error("can't {operation} {}", path.display())]
    Disk {
        /// The operation, as a verb.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The directory is not empty, and not a store.
    #[error("{} is not empty, and not an image store", .0.display())]
    NotAStore(PathBuf),
    /// Another user's store: its files have owners that this process may not give or see.
    #[error("the image store {} belongs to the user {owner}, but this is the user {user}", path.display())]
    Owner {
        /// The store.
        path: PathBuf,
        /// The user that owns the store.
        owner: u32,
        /// The user of this process.
        user: u32,
    },
    /// The store is of a later version.
    #[error("the image store {} has format {found}, but this version knows formats up to {known} only", path.display())]
    Newer {
        /// The store.
        path: PathBuf,
        /// The format of the store.
        found: u64,
        /// The newest format that this version supports.
        known: u64,
    },
    /// The store marks removed files and opaque directories in a form that this process can't use.
    #[error("the image store {} is for {found}, but this is {user}", path.display())]
    Dialect {
        /// The store.
        path: PathBuf,
        /// The users that can use the store.
        found: &'static str,
        /// The user of this process.
        user: &'static str,
    },
    /// A file of the store has unexpected content.
    #[error("{} is damaged: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// The start of an ID that several images have in common.
    #[error("`{text}` is the start of the ids of {count} images")]
    Ambiguous {
        /// The start of the ID.
        text: String,
        /// The number of images.
        count: usize,
    },
    /// Another process removed the image.
    #[error("the image {0} is not in the store any more")]
    Gone(Digest),
    /// Neither the layer's bytes nor its tree are there.
    #[error("the layer {0} is not in the store")]
    NoLayer(Digest),
    /// A name that has a digest can't be given to an image: the digest follows from the image.
    #[error("`{0}` has a digest, but an image can only be given a name with a tag")]
    NamedByDigest(ImageRef),
    /// The bytes have another digest or length than expected.
    #[error("{what} has the digest {found} and {size} bytes, but {expected} was expected")]
    Mismatch {
        /// The object with the wrong digest.
        what: String,
        /// The expected digest.
        expected: Digest,
        /// The actual digest.
        found: Digest,
        /// The actual length in bytes.
        size: u64,
    },
    /// The parts of an image don't fit together.
    #[error("the image is inconsistent: {0}")]
    Inconsistent(String),
    /// A manifest can't be used.
    #[error("the manifest {digest} {fault}")]
    Manifest {
        /// The manifest.
        digest: Digest,
        /// The fault.
        fault: ManifestFault,
    },
    /// A tree that was not on the disk when the machine stopped, and can't be restored.
    #[error(
        "the files of the layer {0} are not what was built: the machine stopped before they were on the disk"
    )]
    Torn(Digest),
    /// A layer can't be unpacked.
    #[error("can't unpack the layer {layer}")]
    Unpack {
        /// The layer.
        layer: Digest,
        /// The cause.
        source: UnpackError,
    },
    /// A tree can't be packed as a layer.
    #[error("can't read the files of {}", tree.display())]
    Pack {
        /// The tree.
        tree: PathBuf,
        /// The cause.
        source: PackError,
    },
    /// A tree to be adopted is not in a working directory.
    #[error("{} is not in a working directory of the store", .0.display())]
    Outside(PathBuf),
    /// The layers of an image are larger than allowed, as they are downloaded.
    #[error("the layers of the image have more than {0} bytes")]
    Download(u64),
    /// An archive can't be imported.
    #[error("the archive {0}")]
    Import(ImportFault),
    /// The stream that an archive comes from failed.
    #[error("can't read the archive")]
    Read(#[source] io::Error),
    /// An image can't be put into an archive.
    #[error(transparent)]
    Export(#[from] ArchiveError),
    /// The output failed.
    #[error("can't write the layer {layer}")]
    Write {
        /// The layer.
        layer: Digest,
        /// The cause.
        source: io::Error,
    },
}

impl StoreError {
    /// The limit that was exceeded, if that is the cause.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::Unpack { source, .. } => source.limit(),
            Self::Pack { source, .. } => source.limit(),
            Self::Download(_) | Self::Import(ImportFault::Bytes(_) | ImportFault::Long(_)) => {
                Some(Limit::Bytes)
            }
            Self::Import(ImportFault::Archive(ArchiveFault::Entries(_))) => Some(Limit::Entries),
            _ => None,
        }
    }

    /// Returns whether the disk was full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let mut cause: Option<&(dyn Error + 'static)> = Some(self);
        while let Some(err) = cause {
            let kind = err.downcast_ref::<io::Error>().map(io::Error::kind);
            if let Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) = kind {
                return true;
            }
            cause = err.source();
        }
        false
    }

    pub(super) fn damaged(path: &Path, problem: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.into(),
            problem: problem.into(),
        }
    }
}

/// Makes a [`StoreError::Disk`] of an error of the file system.
pub(super) fn disk_error(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Disk {
        operation,
        path: path.into(),
        source,
    }
}
