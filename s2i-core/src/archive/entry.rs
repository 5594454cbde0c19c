//! The entries of archives, as they are read and as they are written.

use super::{EntryFault, ReadError, grammar::shown};

/// The type of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Another name of an earlier entry.
    HardLink,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A FIFO.
    Fifo,
    /// The label that GNU tar gives to an archive, which is no file.
    Label,
}

impl Kind {
    /// The type for a flag in a header, if there is one.
    pub(super) fn of(flag: u8) -> Option<Self> {
        Some(match flag {
            b'0' | 0 | b'S' => Self::File,
            b'1' => Self::HardLink,
            b'2' => Self::Symlink,
            b'3' => Self::CharacterDevice,
            b'4' => Self::BlockDevice,
            b'5' => Self::Directory,
            b'6' => Self::Fifo,
            b'V' => Self::Label,
            _ => return None,
        })
    }

    /// The flag that a header has for it.
    #[must_use]
    pub fn flag(self) -> u8 {
        match self {
            Self::File => b'0',
            Self::HardLink => b'1',
            Self::Symlink => b'2',
            Self::CharacterDevice => b'3',
            Self::BlockDevice => b'4',
            Self::Directory => b'5',
            Self::Fifo => b'6',
            Self::Label => b'V',
        }
    }

    pub(super) fn is_link(self) -> bool {
        matches!(self, Self::Symlink | Self::HardLink)
    }
}

/// A modification time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time {
    /// Seconds since 1970, negative before it.
    pub seconds: i64,
    /// The nanoseconds after these seconds: less than a billion.
    pub nanoseconds: u32,
}

impl Time {
    /// A whole number of seconds since 1970.
    #[must_use]
    pub fn whole(seconds: i64) -> Self {
        Self {
            seconds,
            nanoseconds: 0,
        }
    }
}

/// An entry. One that was read is well-formed, but its name was not checked for unpacking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The type.
    pub kind: Kind,
    /// The name.
    pub name: Vec<u8>,
    /// The target of a link, else empty.
    pub target: Vec<u8>,
    /// The length of a file in bytes, holes included; 0 for other types.
    pub size: u64,
    /// The parts of a sparse file that the archive has, in order, as offsets and lengths in bytes; `None` for a
    /// file without holes.
    pub parts: Option<Vec<(u64, u64)>>,
    /// The twelve bits for permissions, set-ID and sticky.
    pub mode: u32,
    /// The number of the user.
    pub uid: u32,
    /// The number of the group.
    pub gid: u32,
    /// The modification time.
    pub mtime: Time,
    /// Major and minor number of a device, else 0.
    pub device: (u32, u32),
    /// Names and values of the extended attributes, sorted by name.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Entry {
    /// An empty entry of user and group 0, without permissions, from the first second of 1970.
    #[must_use]
    pub fn new(kind: Kind, name: impl Into<Vec<u8>>) -> Self {
        Self {
            kind,
            name: name.into(),
            target: Vec::new(),
            size: 0,
            parts: None,
            mode: 0,
            uid: 0,
            gid: 0,
            mtime: Time::default(),
            device: (0, 0),
            xattrs: Vec::new(),
        }
    }

    /// The error that refuses this entry.
    pub(super) fn refuse(&self, fault: EntryFault) -> ReadError {
        ReadError::Entry {
            entry: shown(&self.name),
            fault,
        }
    }
}
