//! Reads a layer without unpacking it.

use std::io::Read;

use s2i_core::archive::{Entries, Entry, shown};

use super::{Limits, RULES, Size, UnpackError, name, stream};
use crate::Digest;

/// A part of a layer, as [`list`] reads it.
#[derive(Debug)]
pub enum Part<'a> {
    /// An entry begins.
    Entry(Entry),
    /// A piece of the contents of the entry that began last. Ranges without a piece are holes.
    Contents {
        /// The offset of the piece in the file, in bytes from its start.
        offset: u64,
        /// The bytes.
        bytes: &'a [u8],
    },
}

/// Reads a layer, compressed with gzip or zstd or not at all, to its end and hands its parts to `visit`, in the order
/// of the archive. Returns the same values as [`unpack`](super::unpack()).
///
/// A layer is refused for its headers and names as by [`unpack`](super::unpack()); relations between entries are not
/// checked.
///
/// # Errors
/// [`UnpackError`], but neither [`UnpackError::Directory`] nor [`UnpackError::Write`].
pub fn list(
    layer: &mut dyn Read,
    limits: &Limits,
    visit: &mut dyn FnMut(Part<'_>),
) -> Result<(Digest, Size), UnpackError> {
    let mut stream = stream::open(layer, &|| Ok(()))?;
    let mut entries = Entries::new(&mut stream, &RULES, limits);
    let mut files = 0;
    while let Some(entry) = entries.next_entry()? {
        files += 1;
        check_name(&entry, limits)?;
        visit(Part::Entry(entry.clone()));
        entries.contents(&entry, |offset, bytes| {
            visit(Part::Contents { offset, bytes });
            Ok::<_, UnpackError>(())
        })?;
    }
    let (digest, bytes) = stream::finish(stream);
    Ok((digest, Size { bytes, files }))
}

fn check_name(entry: &Entry, limits: &Limits) -> Result<(), UnpackError> {
    let refuse = |fault| UnpackError::Entry {
        entry: shown(&entry.name),
        fault,
    };
    let path = RULES
        .components(&entry.name, limits)
        .map_err(|err| refuse(err.into()))?;
    match path.split_last() {
        Some((name, parents)) => name::meaning(parents, name).map(drop).map_err(refuse),
        None => Ok(()),
    }
}
