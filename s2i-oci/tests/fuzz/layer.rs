//! The layer reader, without a file system.

use std::io::{self, Read};

use s2i_core::archive::{Entries, Entry, ReadError, Rules};
use s2i_oci::{
    Digest,
    overlay::{Limits, Part, Size, UnpackError, list},
};

use super::seal::sealed;

const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    entries: 1000,
    depth: 200,
    path: 4095,
};

type Outcome = Result<(Digest, Size, Vec<Entry>), UnpackError>;

/// The result does not depend on the pieces in which the layer arrives, is within the limits, and is
/// what the rules for trees give, where they take the layer too.
pub(crate) fn check(input: &[u8]) {
    let layer = sealed(input);
    let whole = read(&mut &layer[..]);
    let in_pieces = read(&mut Pieces(&layer));
    assert_eq!(
        in_pieces.map_err(|err| err.to_string()),
        whole
            .as_ref()
            .map(Clone::clone)
            .map_err(ToString::to_string)
    );
    let Ok((digest, size, entries)) = whole else {
        return;
    };
    assert!(size.bytes <= LIMITS.bytes);
    assert_eq!(size.files, entries.len() as u64);
    if size.bytes == layer.len() as u64 {
        assert_eq!(digest, Digest::of(&layer));
    }
    if let Ok(others) = tree_entries(&layer) {
        let entries: Vec<_> = entries.into_iter().map(without_xattrs).collect();
        assert_eq!(entries, others);
    }
}

#[expect(clippy::panic_in_result_fn, reason = "it checks what it reads")]
fn read(layer: &mut dyn Read) -> Outcome {
    let mut entries: Vec<Entry> = Vec::new();
    let mut end = 0;
    let read = list(layer, &LIMITS, &mut |part| match part {
        Part::Entry(entry) => {
            end = 0;
            entries.push(entry);
        }
        Part::Contents { offset, bytes } => {
            let entry = entries.last().expect("an entry before its contents");
            assert!(offset >= end);
            end = offset + bytes.len() as u64;
            assert!(end <= entry.size);
        }
    });
    let (digest, size) = read?;
    Ok((digest, size, entries))
}

/// A reader of pieces whose lengths come from the input, so that pieces differ.
struct Pieces<'a>(&'a [u8]);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.0.first().map_or(0, |byte| usize::from(*byte) + 1);
        let most = most.min(buffer.len()).min(self.0.len());
        (&mut self.0).take(most as u64).read(buffer)
    }
}

/// The entries of a layer that is taken as the archive of a tree.
fn tree_entries(mut layer: &[u8]) -> Result<Vec<Entry>, ReadError> {
    let limits = Limits::default();
    let mut entries = Entries::new(&mut layer, &Rules::TREE, &limits);
    let mut all = Vec::new();
    while let Some(entry) = entries.next_entry()? {
        all.push(entry);
    }
    Ok(all)
}

fn without_xattrs(mut entry: Entry) -> Entry {
    entry.xattrs.clear();
    entry
}
