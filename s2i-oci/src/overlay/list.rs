//! Reads a layer without unpacking it.

use std::io::Read;

use rustix::fs::FileType;
use s2i_core::archive::{ArchiveFault, grammar::shown};

use super::{
    Limits, Size, UnpackError,
    entry::{Entries, Entry, Kind},
    input::{Input, fill_up},
    name,
};
use crate::Digest;

/// The kind of an entry of a layer, by its header; whiteouts are files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file, sparse or not.
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
}

/// An entry of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its kind.
    pub kind: EntryKind,
    /// Its name, as the archive has it.
    pub name: Vec<u8>,
    /// The target of a link, else empty.
    pub target: Vec<u8>,
    /// The length of the file in bytes, holes included; not 0 for files only.
    pub size: u64,
    /// The twelve bits for permissions, set-ID and sticky.
    pub mode: u16,
    /// The number of the user that it belongs to.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
}

/// A part of a layer, as [`list`] reads it.
#[derive(Debug)]
pub enum Part<'a> {
    /// An entry begins.
    Entry(Listed),
    /// A piece of the contents of the entry that began last. What no piece covers is a hole.
    Contents {
        /// The place of the piece in the file, in bytes from its start.
        offset: u64,
        /// The bytes.
        bytes: &'a [u8],
    },
}

/// Reads a layer, compressed with gzip or zstd or not at all, to its end and hands its parts to
/// `visit`, in the order of the archive. Returns what [`unpack`](super::unpack()) returns.
///
/// A layer is refused for its headers and names as by [`unpack`](super::unpack()); what entries mean to
/// each other is not looked at.
///
/// # Errors
/// [`UnpackError`], but neither [`UnpackError::Directory`] nor [`UnpackError::Write`].
pub fn list(
    layer: &mut dyn Read,
    limits: &Limits,
    visit: &mut dyn FnMut(Part<'_>),
) -> Result<(Digest, Size), UnpackError> {
    let mut entries = Entries::new(Input::new(layer, limits.bytes, &|| Ok(()))?, limits);
    let (mut files, mut bytes) = (0, 0_u64);
    while let Some(entry) = entries.next_entry()? {
        files += 1;
        bytes = bytes.saturating_add(entry.size());
        if bytes > limits.bytes {
            return Err(ArchiveFault::Bytes(limits.bytes).into());
        }
        check_name(&entry, limits)?;
        visit(Part::Entry(listed(&entry)));
        let whole = [(0, entry.stored)];
        for &(start, length) in entry.map.as_ref().map_or(&whole[..], |map| &map.parts) {
            let mut offset = start;
            entries.input.exactly(length, |bytes| {
                visit(Part::Contents { offset, bytes });
                offset += bytes.len() as u64;
                Ok::<_, UnpackError>(())
            })?;
        }
        entries.input.skip(fill_up(entry.stored))?;
    }
    let (digest, bytes) = entries.input.finish();
    Ok((digest, Size { bytes, files }))
}

fn check_name(entry: &Entry, limits: &Limits) -> Result<(), UnpackError> {
    let components = name::components(&entry.name, limits.depth);
    let checked = components.and_then(|path| match path.split_last() {
        Some((name, parents)) => name::meaning(parents, name).map(drop),
        None => Ok(()),
    });
    checked.map_err(|fault| UnpackError::Entry {
        entry: shown(&entry.name),
        fault,
    })
}

fn listed(entry: &Entry) -> Listed {
    Listed {
        kind: match entry.kind {
            Kind::File => EntryKind::File,
            Kind::Directory => EntryKind::Directory,
            Kind::Symlink => EntryKind::Symlink,
            Kind::HardLink => EntryKind::HardLink,
            Kind::Node(FileType::CharacterDevice) => EntryKind::CharacterDevice,
            Kind::Node(FileType::BlockDevice) => EntryKind::BlockDevice,
            Kind::Node(_) => EntryKind::Fifo,
        },
        name: entry.name.clone(),
        target: entry.target.clone(),
        size: entry.size(),
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
    }
}
