//! Reads the map of a sparse file in GNU's own format: which parts of the file are in the archive.
//!
//! The formats that put the map into PAX records or contents are refused: no tool that makes layers
//! writes them.

use tar::{GnuExtSparseHeader, GnuSparseHeader, Header};

use super::{
    ArchiveFault, EntryFault, ReadError,
    entries::MAX_DESCRIPTION,
    grammar::{BLOCK, number},
    input::Input,
};

/// The error for a broken map.
pub(super) const BROKEN: EntryFault = EntryFault::Sparse("with a map that can't be read");

/// The parts of a file that are stored, in order.
#[derive(Debug)]
pub(super) struct Map {
    /// Offsets and lengths.
    pub(super) parts: Vec<(u64, u64)>,
    /// The length of the file.
    pub(super) size: u64,
}

/// Reads the map in a header of a sparse file and in the blocks that follow it.
pub(super) fn read(
    block: &[u8; BLOCK],
    input: &mut Input<'_>,
) -> Result<Result<Map, EntryFault>, ReadError> {
    let Some(gnu) = Header::from_byte_slice(block).as_gnu() else {
        return Ok(Err(BROKEN));
    };
    let Some(size) = number(&gnu.realsize) else {
        return Ok(Err(BROKEN));
    };
    let mut parts = Vec::new();
    let mut more = take(&mut parts, &gnu.sparse, gnu.isextended);
    let mut bytes = 0;
    while more == Some(true) {
        bytes += BLOCK as u64;
        if bytes > MAX_DESCRIPTION {
            return Err(ArchiveFault::Description(MAX_DESCRIPTION).into());
        }
        let mut header = GnuExtSparseHeader::new();
        if input.fill(header.as_mut_bytes())? < BLOCK {
            return Err(ArchiveFault::Cut.into());
        }
        more = take(&mut parts, &header.sparse, header.isextended);
    }
    Ok(more.map(|_| Map { parts, size }).ok_or(BROKEN))
}

/// Takes the parts of one block and returns whether another block follows. `None` where readers differ: some end the
/// map at the first unused field, regardless of the fields after it, and some take any mark but 0 for the announcement
/// of another block.
fn take(parts: &mut Vec<(u64, u64)>, fields: &[GnuSparseHeader], more: [u8; 1]) -> Option<bool> {
    let is_empty = |field: &&GnuSparseHeader| field.offset[0] == 0 && field.numbytes[0] == 0;
    let used = fields.iter().take_while(|field| !is_empty(field)).count();
    let (used, unused) = fields.split_at(used);
    for field in used {
        parts.push(number(&field.offset).zip(number(&field.numbytes))?);
    }
    match more {
        _ if !unused.iter().all(|field| is_empty(&field)) => None,
        [0] => Some(false),
        [1] if unused.is_empty() => Some(true),
        _ => None,
    }
}

impl Map {
    /// Returns whether the parts follow one another, lie in the file, and have together `stored` bytes.
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
