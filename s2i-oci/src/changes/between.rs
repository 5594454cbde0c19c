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
            let below = if entry.is_closed {
                Changes::default()
            } else if before.is_closed {
                // Its earlier content is not known, so all of it is taken.
                Changes::of(&[], entry.below)
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

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        fs::{self, File, Permissions},
        os::unix::fs::{PermissionsExt as _, symlink},
        path::PathBuf,
    };

    use s2i_core::bounds::Limits;

    use super::*;

    fn take(root: &Path, skip: &[&str]) -> Snapshot {
        let skip: BTreeSet<PathBuf> = skip.iter().map(|name| root.join(name)).collect();
        Snapshot::take(root, &skip, &Limits::default(), &|| Ok(())).unwrap()
    }

    /// Returns the changes, one line each: `-` for what was removed, `+` for what has changed, a blank for the rest.
    fn lines(changes: &Changes) -> Vec<String> {
        fn add(changes: &Changes, dir: &str, lines: &mut Vec<String>) {
            for (name, change) in &changes.0 {
                let name = format!("{dir}{}", name.to_str().unwrap());
                let (mark, below) = match change {
                    Change::Removed => ('-', None),
                    Change::Changed(below) => ('+', Some(below)),
                    Change::Kept(below, _) => (' ', Some(below)),
                };
                lines.push(format!("{mark} {name}"));
                if let Some(below) = below {
                    add(below, &format!("{name}/"), lines);
                }
            }
        }
        let mut found = Vec::new();
        add(changes, "", &mut found);
        found
    }

    #[track_caller]
    fn check(make: impl Fn(&Path), change: impl Fn(&Path), expected: &[&str]) {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path();
        for dir in ["dir/deep", "other"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        fs::write(root.join("dir/file"), "text").unwrap();
        make(root);
        let before = take(root, &["left-out"]);
        // Longer than the clock of a file system takes for its next tick.
        std::thread::sleep(std::time::Duration::from_millis(20));
        change(root);
        assert_eq!(
            lines(&Changes::between(&before, take(root, &["left-out"]))),
            expected
        );
    }

    #[test]
    fn file_with_the_old_size_and_time_has_changed() {
        let change = |root: &Path| {
            let file = root.join("dir/file");
            let time = file.metadata().unwrap().modified().unwrap();
            fs::write(&file, "same").unwrap();
            let opened = File::options().write(true).open(file).unwrap();
            opened.set_modified(time).unwrap();
        };
        check(|_| (), change, &["  dir", "+ dir/file"]);
    }

    #[test]
    fn directory_counts_by_its_mode_and_not_by_its_time() {
        let touch = |root: &Path| {
            fs::write(root.join("dir/new"), "").unwrap();
            fs::remove_file(root.join("dir/new")).unwrap();
        };
        check(|_| (), touch, &[]);
        let change = |root: &Path| {
            fs::set_permissions(root.join("dir"), Permissions::from_mode(0o700)).unwrap();
        };
        check(|_| (), change, &["+ dir"]);
    }

    #[test]
    fn removals_and_new_types_are_changes() {
        let change = |root: &Path| {
            fs::remove_dir_all(root.join("dir/deep")).unwrap();
            fs::remove_dir(root.join("other")).unwrap();
            symlink("dir", root.join("other")).unwrap();
            fs::create_dir_all(root.join("new/empty")).unwrap();
        };
        let expected = ["  dir", "- dir/deep", "+ new", "+ new/empty", "+ other"];
        check(|_| (), change, &expected);
    }

    #[test]
    fn left_out_paths_have_no_changes() {
        let make = |root: &Path| fs::create_dir(root.join("left-out")).unwrap();
        let change = |root: &Path| fs::write(root.join("left-out/file"), "").unwrap();
        check(make, change, &[]);
    }

    #[test]
    fn target_of_a_link_is_a_change() {
        let make = |root: &Path| symlink("one", root.join("link")).unwrap();
        let change = |root: &Path| {
            fs::remove_file(root.join("link")).unwrap();
            symlink("two", root.join("link")).unwrap();
        };
        check(make, change, &["+ link"]);
    }

    #[test]
    fn directories_of_an_image_keep_its_attributes() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir_all(temp.path().join("opt/app/bin")).unwrap();
        let mut changes = Changes::all(take(temp.path(), &[]));
        let attributes = DirectoryAttributes {
            mode: 0o775,
            uid: 0,
            gid: 0,
            mtime: 7,
        };
        for dir in ["opt", "opt/app", "missing"] {
            changes.keep(Path::new(dir), attributes);
        }
        assert_eq!(lines(&changes), ["  opt", "  opt/app", "+ opt/app/bin"]);
    }
}
