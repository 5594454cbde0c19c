//! The faults of archives that can't be imported.

use s2i_core::{
    ImageRefError,
    archive::{ArchiveFault, EntryFault},
};
use thiserror::Error;

use crate::{
    Digest,
    manifest::{MAX_JSON, ManifestFault},
};

/// A fault of an archive of images.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ImportFault {
    /// The archive as a whole is bad.
    #[error("{0}")]
    Archive(ArchiveFault),
    /// One entry is bad.
    #[error("has the entry `{entry}`, which {fault}")]
    Entry {
        /// Its name, as it can be shown.
        entry: String,
        /// The fault.
        fault: EntryFault,
    },
    /// More members than any image needs.
    #[error("has more than {0} members")]
    Members(u64),
    /// More bytes than allowed.
    #[error("holds more than {0} bytes when it is decompressed")]
    Bytes(u64),
    /// More bytes than allowed as it comes, compressed or not.
    #[error("is longer than {0} bytes")]
    Long(u64),
    /// A member with an invalid name.
    #[error("has a member with the name `{0}`")]
    MemberName(String),
    /// Two different members of one name.
    #[error("has two different members with the name `{0}`")]
    Twice(String),
    /// A link that leads to no file.
    #[error("has a link `{0}` that does not lead to a file")]
    Link(String),
    /// Neither an image of Docker's nor an OCI layout.
    #[error("has no image: it has neither an `index.json` nor a `manifest.json` that names one")]
    NoImage,
    /// More images than an archive may have.
    #[error("names more than {0} images")]
    Images(usize),
    /// A file that must be there.
    #[error("names the file `{0}`, but does not have it")]
    NoFile(String),
    /// A blob that is required, under any name.
    #[error("names the blob {0}, but has nothing with this digest")]
    NoBlob(Digest),
    /// A blob of another length than announced.
    #[error("has the blob {digest} with {found} bytes, but lists it with {expected}")]
    Length {
        /// The blob.
        digest: Digest,
        /// The length in its descriptor.
        expected: u64,
        /// Its length.
        found: u64,
    },
    /// A description that is too large.
    #[error("has more than {MAX_JSON} bytes in `{0}`")]
    TooLong(String),
    /// A description in an unexpected form.
    #[error("has a `{file}` that can't be read: {problem}")]
    Json {
        /// The file.
        file: String,
        /// The fault.
        problem: String,
    },
    /// A manifest or an index that can't be used.
    #[error("has the manifest {digest}, which {fault}")]
    Manifest {
        /// The manifest or index.
        digest: Digest,
        /// The fault.
        fault: ManifestFault,
    },
    /// Indexes that are nested too deeply.
    #[error("has more than {0} indexes in each other")]
    Depth(usize),
    /// An invalid name.
    #[error("has an invalid name of an image: {0}")]
    Name(ImageRefError),
    /// A name with a digest.
    #[error("gives an image the name `{0}`, but no image can be given a name with a digest")]
    NamedByDigest(String),
    /// An image for other machines.
    #[error("has an image for {found}, but none for {wanted}")]
    Platform {
        /// The platform of the image.
        found: String,
        /// The platform that is wanted.
        wanted: String,
    },
    /// A layer that is not compressed, and is not the one in the config.
    #[error("has the layer {found} where the config has {expected}")]
    Layer {
        /// The digest in the config.
        expected: Digest,
        /// The digest of the layer in the archive.
        found: Digest,
    },
}
