//! The archive reader, without a file system.

use std::io::{self, BufRead, BufReader, Read};

use s2i_core::archive::{Entries, Entry, Kind, Limits, ReadError, Rules, Time, Writer};

use super::seal::sealed;

const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    entries: 1000,
    depth: 200,
    path: 4095,
};

/// The entries do not depend on the pieces in which the archive arrives, are no more than the archive
/// has room for, and survive the writer.
pub(crate) fn check(input: &[u8]) {
    let archive = sealed(input);
    let whole = entries(&mut &archive[..]);
    let in_pieces = entries(&mut BufReader::with_capacity(61, &archive[..]));
    assert_eq!(
        in_pieces.map_err(|err| err.to_string()),
        whole.as_ref().map(Vec::clone).map_err(ToString::to_string)
    );
    let Ok(entries) = whole else { return };
    let most = |entry: &Entry| 512 + entry.size;
    assert!(entries.iter().map(most).sum::<u64>() + 1024 <= archive.len() as u64);
    for entry in &entries {
        assert!(entry.kind == Kind::File || entry.size == 0, "{entry:?}");
        let is_link = matches!(entry.kind, Kind::Symlink | Kind::HardLink);
        assert!(!is_link || !entry.target.is_empty(), "{entry:?}");
    }
    survive(&entries);
}

/// The entries of an archive.
fn entries(archive: &mut dyn BufRead) -> Result<Vec<Entry>, ReadError> {
    let mut entries = Entries::new(archive, &Rules::TREE, &LIMITS);
    let mut all = Vec::new();
    while let Some(entry) = entries.next_entry()? {
        all.push(entry);
    }
    Ok(all)
}

/// Writes what can be written, and reads it again.
fn survive(entries: &[Entry]) {
    let mut writer = Writer::new(Vec::new(), 7);
    let mut written = Vec::new();
    for entry in entries {
        let name = match entry.kind {
            Kind::Directory => entry.name.strip_suffix(b"/").unwrap_or(&entry.name),
            _ => &entry.name,
        };
        let mut expected = Entry {
            name: name.to_vec(),
            mtime: Time::whole(7),
            uid: 0,
            gid: 0,
            ..entry.clone()
        };
        let added = match entry.kind {
            Kind::Directory => writer.directory(name, entry.mode),
            Kind::File => {
                let mut content = io::repeat(b'x').take(entry.size);
                writer.file(name, entry.mode, entry.size, &mut content)
            }
            Kind::Symlink => {
                expected.mode = 0o777;
                writer.symlink(name, &entry.target)
            }
            _ => continue,
        };
        if !matches!(entry.kind, Kind::Symlink) {
            expected.target.clear();
        }
        // A name that can't be unpacked can't be written either, and does the archive no harm.
        if added.is_ok() {
            written.push(expected);
        }
    }
    let (archive, _) = writer.finish().expect("every entry is whole");
    assert_eq!(
        self::entries(&mut &archive[..]).expect("an archive of ours"),
        written
    );
}
