//! The errors for archives that are refused.

use std::io;

use thiserror::Error;

/// An error of reading an archive.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The archive as a whole is bad.
    #[error("the archive {0}")]
    Archive(ArchiveFault),
    /// One entry is bad.
    #[error("the archive's entry `{entry}` {fault}")]
    Entry {
        /// Its name, made fit to be shown.
        entry: String,
        /// The fault.
        fault: EntryFault,
    },
    /// The stream that the archive comes from failed.
    #[error("the archive can't be read")]
    Stream(#[source] io::Error),
}

impl From<ArchiveFault> for ReadError {
    fn from(fault: ArchiveFault) -> Self {
        Self::Archive(fault)
    }
}

impl From<ReadError> for io::Error {
    fn from(err: ReadError) -> Self {
        match err {
            ReadError::Stream(err) => err,
            refusal => Self::new(io::ErrorKind::InvalidData, refusal),
        }
    }
}

/// An error of unpacking an archive.
#[derive(Debug, Error)]
pub enum UnpackError {
    /// It can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file system refused something.
    #[error("can't unpack `{entry}`")]
    Write {
        /// The entry's name, made fit to be shown.
        entry: String,
        /// The error of the file system.
        #[source]
        source: io::Error,
    },
}

impl UnpackError {
    /// Returns whether the archive is bad, in contrast to failures of its stream or the file system.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Read(ReadError::Archive(_) | ReadError::Entry { .. })
        )
    }
}

/// A fault of an archive as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ArchiveFault {
    /// The first bytes are those of a compressed file.
    #[error("is compressed with {format}; it must be {form}")]
    Compressed {
        /// The format.
        format: &'static str,
        /// The form in which an archive of this kind may come.
        form: &'static str,
    },
    /// The stream ends before the two blocks of zeros that end an archive.
    #[error("is cut: it stops before its end")]
    Cut,
    /// The first block is no header.
    #[error("is not a tar archive")]
    NotTar,
    /// A later block is no header.
    #[error("has a bad header at byte {position}: {fault}")]
    Header {
        /// The offset of the header in bytes.
        position: u64,
        /// The fault.
        fault: HeaderFault,
    },
    /// One block of zeros with something else after it.
    #[error("has a block of zeros that is not its end")]
    LoneZeros,
    /// More data follows after the end.
    #[error("goes on after its end")]
    GoesOn,
    /// The zeros after the end do not stop.
    #[error("has more than {0} bytes of zeros after its end")]
    Padding(u64),
    /// More bytes of contents than allowed.
    #[error("holds more than {0} bytes")]
    Bytes(u64),
    /// More entries than allowed.
    #[error("holds more than {0} entries")]
    Entries(u64),
    /// A long name or a PAX header describes an entry that is not there.
    #[error("ends with the description of an entry that is not there")]
    Dangling,
    /// The headers that describe one entry are too large.
    #[error("describes one entry with more than {0} bytes")]
    Description(u64),
    /// Two headers of the same kind describe one entry.
    #[error("describes one entry twice")]
    DescribedTwice,
    /// A long name or target holds a NUL byte.
    #[error("has a long name with a NUL byte in it")]
    LongNameNul,
    /// A long name or target does not end with a NUL byte.
    #[error("has a long name without an end")]
    LongNameEnd,
    /// A PAX header does not follow its grammar.
    #[error("has a PAX header that can't be read")]
    Pax,
    /// A PAX record is there twice for one entry.
    #[error("has the PAX record `{0}` twice for one entry")]
    PaxTwice(&'static str),
    /// A global PAX header would change every entry.
    #[error("sets the PAX record `{0}` for all entries")]
    GlobalPax(&'static str),
}

/// A fault of a block that should be a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderFault {
    /// The sum of the bytes is another one.
    #[error("its checksum is wrong")]
    Checksum,
    /// The format is none of POSIX, GNU and V7.
    #[error("its format is unknown")]
    Format,
    /// A number does not follow the grammar.
    #[error("its {0} is not a number")]
    Number(&'static str),
    /// A text field has something after its end.
    #[error("its {0} goes on after its end")]
    Text(&'static str),
}

/// A fault of one entry.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EntryFault {
    /// The name is empty.
    #[error("has no name")]
    NoName,
    /// The name has a NUL byte.
    #[error("has a NUL byte in its name")]
    Nul,
    /// The name starts with `/`.
    #[error("has an absolute name")]
    Absolute,
    /// The name has a backslash.
    #[error("has a backslash in its name")]
    Backslash,
    /// The name has a component `..`.
    #[error("climbs with `..`")]
    Climbs,
    /// The name is too long.
    #[error("has a name of more than {0} bytes")]
    LongName(usize),
    /// A component of the name is too long for any file system.
    #[error("has a component of more than {0} bytes in its name")]
    LongComponent(usize),
    /// The name has too many components.
    #[error("is more than {0} directories deep")]
    Deep(usize),
    /// A user or group that does not exist on Linux.
    #[error("belongs to the {0} {1}, which is not a valid number")]
    Owner(&'static str, u64),
    /// A device whose number does not exist on Linux, or means something else to overlayfs.
    #[error("is the device {0}/{1}, which is not a valid number")]
    Device(u64, u64),
    /// A sparse file in one of the PAX formats, or with a broken map.
    #[error("is a sparse file {0}")]
    Sparse(&'static str),
    /// An entry other than a directory has the name `.`.
    #[error("is not a directory and names the root")]
    Root,
    /// An entry other than a directory has a name that ends with a slash.
    #[error("is not a directory and has a name that ends with a slash")]
    Slash,
    /// A long name and a PAX record give it two names or two targets.
    #[error("is named twice")]
    NamedTwice,
    /// The PAX record and the header give two sizes.
    #[error("has two sizes: {header} bytes in its header and {pax} in its PAX record")]
    TwoSizes {
        /// The size in the header.
        header: u64,
        /// The size in the PAX record.
        pax: u64,
    },
    /// A link or a directory with contents.
    #[error("is not a file and has {0} bytes of contents")]
    Contents(u64),
    /// A type that can't be unpacked.
    #[error("is {0}")]
    Type(&'static str),
    /// A type that is in no standard.
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
        /// The fault.
        fault: Box<EntryFault>,
    },
    /// The target of a hard link is not there.
    #[error("is a hard link to `{0}`, which is not there")]
    TargetMissing(String),
    /// The target of a hard link is no regular file, or is reached through a link.
    #[error("is a hard link to `{0}`, which is not a regular file")]
    TargetNotFile(String),
    /// A hard link to its own name.
    #[error("is a hard link to itself")]
    TargetItself,
    /// A directory above it is a symbolic link.
    #[error("lies below `{0}`, which is a symbolic link")]
    BelowLink(String),
    /// A directory above it is something else.
    #[error("lies below `{0}`, which is not a directory")]
    BelowFile(String),
    /// The entry is not a directory, and a directory of its name exists.
    #[error("would replace a directory")]
    OnDirectory,
}
