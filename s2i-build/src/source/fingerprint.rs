//! Telling whether a tree is the one that was built before, without reading its files.

use std::{
    io,
    path::Path,
    time::{Duration, SystemTime},
};

use cap_std::{
    ambient_authority,
    fs::{Dir, MetadataExt as _},
};
use s2i_core::ignore::Filter;
use sha2::{Digest as _, Sha256};

/// A file that changed so shortly ago may change again without its times telling.
const SETTLED: Duration = Duration::from_secs(1);

/// The digest of everything that changes when a tree does: names, sizes, modes, times and numbers of
/// what the filter leaves in. `None` for a tree that changed a moment ago.
pub(super) fn of(root: &Path, filter: &Filter) -> io::Result<Option<Vec<u8>>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let settled = now.unwrap_or_default().saturating_sub(SETTLED);
    let mut walk = Walk {
        filter,
        hash: Sha256::new(),
        newest: 0,
    };
    walk.hash.update(root.as_os_str().as_encoded_bytes());
    let dir = Dir::open_ambient_dir(root, ambient_authority())?;
    walk.directory(&dir, "")?;
    let is_settled = u64::try_from(walk.newest).is_ok_and(|newest| newest < settled.as_secs());
    Ok(is_settled.then(|| walk.hash.finalize().to_vec()))
}

struct Walk<'a> {
    filter: &'a Filter,
    hash: Sha256,
    /// When something changed last, in seconds since 1970.
    newest: i64,
}

impl Walk<'_> {
    fn directory(&mut self, dir: &Dir, path: &str) -> io::Result<()> {
        let mut entries = dir.entries()?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_unstable_by_key(cap_std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let below = match path {
                "" => name.to_string_lossy().into_owned(),
                path => format!("{path}/{}", name.to_string_lossy()),
            };
            let metadata = entry.metadata()?;
            let is_out = self.filter.leaves_out(&below);
            if !is_out {
                self.add(name.as_encoded_bytes(), &metadata);
            }
            if metadata.is_dir() && !(is_out && self.filter.prunes(&below)) {
                self.hash.update(b"(");
                self.directory(&dir.open_dir(&name)?, &below)?;
                self.hash.update(b")");
            }
        }
        Ok(())
    }

    /// The time of the last change of an entry can't be set by hand, unlike that of its content.
    fn add(&mut self, name: &[u8], metadata: &cap_std::fs::Metadata) {
        self.newest = self.newest.max(metadata.ctime());
        self.hash.update(name);
        self.hash.update([0]);
        for number in [metadata.dev(), metadata.ino(), metadata.size()] {
            self.hash.update(number.to_le_bytes());
        }
        self.hash.update(metadata.mode().to_le_bytes());
        for number in [
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.ctime(),
            metadata.ctime_nsec(),
        ] {
            self.hash.update(number.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use super::*;

    fn settled(root: &Path) -> Vec<u8> {
        loop {
            match of(root, &Filter::default()).unwrap() {
                Some(fingerprint) => return fingerprint,
                None => thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    #[test]
    fn it_changes_with_the_tree_and_not_without() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir(root.join("a")).unwrap();
        fs::write(root.join("a/b"), "one").unwrap();
        assert_eq!(of(root, &Filter::default()).unwrap(), None, "too fresh");
        let first = settled(root);
        assert_eq!(settled(root), first);
        // The same length, and the time of the content put back.
        let modified = fs::metadata(root.join("a/b")).unwrap().modified().unwrap();
        fs::write(root.join("a/b"), "two").unwrap();
        let file = fs::File::options().write(true).open(root.join("a/b"));
        file.unwrap().set_modified(modified).unwrap();
        assert_ne!(settled(root), first);
    }

    #[test]
    fn what_is_left_out_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let filter = Filter::excluding("^out$").unwrap();
        fs::write(dir.path().join("in"), "").unwrap();
        thread::sleep(SETTLED * 2);
        let first = of(dir.path(), &filter).unwrap();
        assert!(first.is_some());
        fs::write(dir.path().join("out"), "").unwrap();
        assert_eq!(of(dir.path(), &filter).unwrap(), first);
    }
}
