//! Reads the map of a sparse file in GNU's own format: which parts of the file are in the archive.
//!
//! The formats that put the map into PAX records or contents are refused: no tool that makes layers
//! writes them.

use s2i_core::archive::{
    ArchiveFault,
    grammar::{BLOCK, number},
};
use tar::{GnuExtSparseHeader, GnuSparseHeader, Header};

use super::{EntryFault, UnpackError, entry::MAX_DESCRIPTION, input::Input};

/// Why a map is refused.
pub(super) const BROKEN: EntryFault = EntryFault::Sparse("with a map that can't be read");

/// The parts of a file that are stored, in order.
#[derive(Debug)]
pub(super) struct Map {
    /// Offsets and lengths.
    pub(super) parts: Vec<(u64, u64)>,
    /// The length of the file.
    pub(super) size: u64,
}

/// What comes of a header of a sparse file and the blocks with the rest of its map.
pub(super) fn read(
    block: &[u8; BLOCK],
    input: &mut Input<'_>,
) -> Result<Result<Map, EntryFault>, UnpackError> {
    let Some(gnu) = Header::from_byte_slice(block).as_gnu() else {
        return Ok(Err(BROKEN));
    };
    let mut parts: Vec<_> = gnu.sparse.iter().filter_map(part).collect();
    let mut is_extended = gnu.is_extended();
    let mut bytes = 0;
    while is_extended {
        bytes += BLOCK as u64;
        if bytes > MAX_DESCRIPTION {
            return Err(ArchiveFault::Description(MAX_DESCRIPTION).into());
        }
        let mut more = GnuExtSparseHeader::new();
        let block = input.block()?.ok_or(ArchiveFault::Cut)?;
        more.as_mut_bytes().copy_from_slice(&block);
        parts.extend(more.sparse.iter().filter_map(part));
        is_extended = more.is_extended();
    }
    let size = number(&gnu.realsize).ok_or(BROKEN);
    let parts = parts.into_iter().collect::<Result<_, _>>();
    Ok(parts.and_then(|parts| size.map(|size| Map { parts, size })))
}

/// Offset and length, if the field is used.
fn part(field: &GnuSparseHeader) -> Option<Result<(u64, u64), EntryFault>> {
    let is_used = field.offset[0] != 0 || field.numbytes[0] != 0;
    is_used.then(|| {
        let part = number(&field.offset).zip(number(&field.numbytes));
        part.ok_or(BROKEN)
    })
}

impl Map {
    /// Whether the parts follow one another, lie in the file, and have together `stored` bytes.
    pub(super) fn is_sound(&self, stored: u64) -> bool {
        let mut end = 0;
        let mut total = 0;
        for &(offset, length) in &self.parts {
            // Each part starts with a block of its own in the archive.
            if offset < end || (length > 0 && total % BLOCK as u64 != 0) {
                return false;
            }
            let (Some(next), Some(sum)) = (offset.checked_add(length), total.checked_add(length))
            else {
                return false;
            };
            (end, total) = (next, sum);
        }
        end <= self.size && total == stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(parts: &[(u64, u64)], size: u64, stored: u64, expected: bool) {
        let parts = parts.to_vec();
        assert_eq!(Map { parts, size }.is_sound(stored), expected);
    }

    #[test]
    fn maps_must_be_in_order_and_fit() {
        check(&[], 0, 0, true);
        check(&[], 9, 0, true);
        check(&[(0, 512), (1024, 5)], 2000, 517, true);
        check(&[(0, 512), (1024, 5), (2000, 0)], 2000, 517, true);
        check(&[(0, 512), (1024, 5)], 2000, 518, false);
        check(&[(0, 5), (1024, 5)], 2000, 10, false);
        check(&[(512, 512), (0, 5)], 2000, 517, false);
        check(&[(0, 512), (1999, 5)], 2000, 517, false);
        check(&[(u64::MAX, 512)], u64::MAX, 512, false);
    }
}
