//! The difference of two snapshots.

use std::{cmp::Ordering, ffi::CString, path::Path};

use super::snapshot::{Entry, Snapshot};

/// The entries of a directory that have changed, or below which something has, sorted by the bytes of their names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes(pub(crate) Vec<(CString, Change)>);

/// The change of an entry.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// It is there no more.
    Removed,
    /// It is new, or has changed; the changes below a directory.
    Changed(Changes),
    /// A directory of which only the content has changed. Without attributes, a layer has those of the directory itself.
    Kept(Changes, Option<DirectoryAttributes>),
}

/// The attributes of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryAttributes {
    /// The permissions.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The modification time, in seconds since 1970.
    pub mtime: i64,
}

impl Changes {
    /// Returns the changes from the earlier snapshot to the later one, of the same directory.
    #[must_use]
    pub fn between(before: &Snapshot, after: Snapshot) -> Self {
        Self::of(&before.root, after.root)
    }

    /// Returns everything in a snapshot as new.
    #[must_use]
    pub fn all(of: Snapshot) -> Self {
        Self::of(&[], of.root)
    }

    /// Returns whether nothing has changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes the directories that lead to a path [kept](Change::Kept), with these attributes, where they are not that
    /// already. The path of each comes before those below it; relative ones are of this directory.
    pub fn keep(&mut self, dir: &Path, attributes: DirectoryAttributes) {
        let mut changes = self;
        let mut parts = dir.iter().peekable();
        while let Some(part) = parts.next() {
            let found = changes
                .0
                .iter_mut()
                .find(|(name, _)| name.as_bytes() == part.as_encoded_bytes());
            let Some((_, change)) = found else { return };
            if parts.peek().is_none()
                && let Change::Changed(below) = change
            {
                *change = Change::Kept(std::mem::take(below), Some(attributes));
            }
            match change {
                Change::Changed(below) | Change::Kept(below, _) => changes = below,
                Change::Removed => return,
            }
        }
    }

    fn of(before: &[Entry], after: Vec<Entry>) -> Self {
        let mut before = before.iter().peekable();
        let mut changes = Vec::new();
        for entry in after {
            let mut same = None;
            while let Some(old) = before.peek() {
                match old.name.cmp(&entry.name) {
                    Ordering::Less => changes.push((old.name.clone(), Change::Removed)),
                    Ordering::Equal => same = Some(*old),
                    Ordering::Greater => break,
                }
                before.next();
            }
            let name = entry.name.clone();
            changes.extend(change(same, entry).map(|change| (name, change)));
        }
        changes.extend(before.map(|old| (old.name.clone(), Change::Removed)));
        Self(changes)
    }
}

/// Returns the change of an entry that may have been there before.
fn change(before: Option<&Entry>, entry: Entry) -> Option<Change> {
    match before.filter(|before| before.state.kind() == entry.state.kind()) {
        None => Some(Change::Changed(Changes::of(&[], entry.below))),
        Some(before) if entry.state.is_dir() => {
            let is_own = entry.state.differs_as_directory(&before.state);
            let below = if before.is_closed || entry.is_closed {
                Changes::default()
            } else {
                Changes::of(&before.below, entry.below)
            };
            match (is_own, below.is_empty()) {
                (true, _) => Some(Change::Changed(below)),
                (false, false) => Some(Change::Kept(below, None)),
                (false, true) => None,
            }
        }
        Some(before) => (before.state != entry.state).then(|| Change::Changed(Changes::default())),
    }
}
