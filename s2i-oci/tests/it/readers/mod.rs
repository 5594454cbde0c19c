//! The same archives to all readers of this project, to GNU tar and to Go's `archive/tar`: an archive is
//! refused, or all see the same entries in it.

mod archives;
mod others;
mod ours;
#[path = "../../../../s2i-core/tests/fuzz/seal.rs"]
mod seal;

use std::{fs, path::Path};

use crate::scratch;

/// An entry, with the properties that all readers list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// The type, by the letter of the format; `0` for all that are files.
    kind: char,
    /// Without slashes at the end.
    name: String,
    /// Of links only.
    target: String,
    size: u64,
    mode: u32,
    /// The digest of the contents of a file, as the lower-case hex digits of SHA-256, where the reader
    /// gives them for each entry.
    content: Option<String>,
}

impl Entry {
    /// Returns whether both are the same, without contents that only one has.
    fn agrees(&self, other: &Self) -> bool {
        let without_content = |entry: &Self| Self {
            content: None,
            ..entry.clone()
        };
        let contents = self.content.as_ref().zip(other.content.as_ref());
        without_content(self) == without_content(other) && contents.is_none_or(|(a, b)| a == b)
    }
}

/// Returns the difference, for the message of the test; `None` where both are the same.
fn difference(name: &str, who: &str, ours: &[Entry], theirs: &[Entry]) -> Option<String> {
    let agree = ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| a.agrees(b));
    (!agree).then(|| format!("{name}, {who}:\n  {ours:?}\n  {theirs:?}"))
}

/// Bytes as a text without loss.
fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// An archive that a reader of this project takes.
struct Taken {
    name: String,
    archive: Vec<u8>,
    entries: Vec<Entry>,
}

#[test]
fn all_readers_see_the_same_entries() {
    let temp = scratch::dir();
    let mut differences = Vec::new();
    let mut taken = Vec::new();
    let (mut refused, mut by_archive_reader, mut by_import) = (0, 0, 0);
    for (name, archive) in archives::all() {
        let layer = ours::layer(&archive);
        let entries = ours::archive(&archive);
        by_archive_reader += u32::from(entries.is_some());
        if let (Some(entries), Some(layer)) = (&entries, &layer) {
            differences.extend(difference(&name, "archive and layer", entries, layer));
        }
        if let Some(layer) = &layer {
            match ours::is_imported(&archive, layer) {
                Ok(is_imported) => by_import += u32::from(is_imported),
                Err(err) => differences.push(format!("{name}, image archive: {err:?}")),
            }
        }
        match layer.or(entries) {
            Some(entries) => {
                fs::write(temp.path().join(&name), &archive).unwrap();
                taken.push(Taken {
                    name,
                    archive,
                    entries,
                });
            }
            None => refused += 1,
        }
    }
    println!(
        "{} taken, {by_archive_reader} by the archive reader, {by_import} imported; {refused} refused",
        taken.len()
    );
    // Otherwise nothing would be compared.
    assert!(taken.len() > 50 && refused > 50 && by_archive_reader > 25 && by_import > 25);
    differences.extend(
        taken
            .iter()
            .filter_map(|taken| compared_to_gnu(temp.path(), taken)),
    );
    let listed = others::go(temp.path());
    for Taken { name, entries, .. } in listed.iter().flat_map(|_| &taken) {
        match listed.as_ref().and_then(|listed| listed.get(name)) {
            Some(Ok(found)) => differences.extend(difference(name, "Go", entries, found)),
            other => differences.push(format!("{name}, Go: {other:?}\n  {entries:?}")),
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn compared_to_gnu(dir: &Path, taken: &Taken) -> Option<String> {
    let (listed, contents) = others::gnu(&dir.join(&taken.name))?;
    let differs = difference(&taken.name, "GNU tar", &taken.entries, &listed);
    differs.or_else(|| {
        let differ = ours::contents(&taken.archive).is_some_and(|ours| ours != contents);
        differ.then(|| format!("{}, GNU tar: the contents differ", taken.name))
    })
}
