//! The layer reader, without a file system.

use std::{
    io::{self, Read},
    sync::LazyLock,
};

use cap_std::{ambient_authority, fs::Dir};
use s2i_core::archive::{self, Entry, Kind, Selection, unpack_selected};
use s2i_oci::{
    Digest,
    overlay::{EntryKind, Limits, Listed, Part, Size, UnpackError, list},
};

use super::seal::sealed;

const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    entries: 1000,
    depth: 200,
    path: 4095,
};

type Outcome = Result<(Digest, Size, Vec<Listed>), UnpackError>;

/// What is read does not depend on the pieces in which the layer arrives, is within the limits, and is
/// what the archive reader sees, where that one takes the layer too.
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
    if let Some(others) = archive_entries(&layer) {
        let entries: Vec<_> = entries.into_iter().map(comparable).collect();
        let others: Vec<_> = others.into_iter().map(listed).collect();
        assert_eq!(entries, others);
    }
}

#[expect(clippy::panic_in_result_fn, reason = "it checks what it reads")]
fn read(layer: &mut dyn Read) -> Outcome {
    let mut entries: Vec<Listed> = Vec::new();
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

/// Hands out at most so many bytes at once as the first one left says, so that pieces differ.
struct Pieces<'a>(&'a [u8]);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.0.first().map_or(0, |byte| usize::from(*byte) + 1);
        let most = most.min(buffer.len()).min(self.0.len());
        (&mut self.0).take(most as u64).read(buffer)
    }
}

/// The entries that the archive reader sees, none of which is unpacked; none where it refuses.
fn archive_entries(layer: &[u8]) -> Option<Vec<Entry>> {
    static UNUSED: LazyLock<Dir> =
        LazyLock::new(|| Dir::open_ambient_dir("/", ambient_authority()).expect("a root"));
    let mut entries = Vec::new();
    let selection = Selection {
        wants: &mut |entry| {
            entries.push(entry.clone());
            false
        },
        strip: 0,
        keeps_owners: false,
    };
    let limits = archive::Limits::default();
    unpack_selected(&mut &*layer, &UNUSED, &limits, selection).ok()?;
    Some(entries)
}

/// The part of an entry that both readers take from the same places.
fn comparable(mut entry: Listed) -> Listed {
    (entry.uid, entry.gid) = (0, 0);
    entry
}

fn listed(entry: Entry) -> Listed {
    let kind = match entry.kind {
        Kind::File => EntryKind::File,
        Kind::Directory => EntryKind::Directory,
        Kind::Symlink => EntryKind::Symlink,
        Kind::HardLink => EntryKind::HardLink,
    };
    Listed {
        kind,
        name: entry.name,
        target: entry.target,
        size: entry.size,
        mode: u16::try_from(entry.mode).expect("twelve bits"),
        uid: 0,
        gid: 0,
    }
}
