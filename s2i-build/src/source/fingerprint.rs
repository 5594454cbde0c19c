//! The fingerprint of a tree, by which a build detects that the tree was built before.
//!
//! A fingerprint covers the files that go into the container, and nothing else: excluded files do not change it. So it
//! needs no list of the inputs that determine the tree, such as the commit, the context directory and the rules that
//! leave files out.

use std::{
    io,
    time::{Duration, SystemTime},
};

use cap_std::fs::{Metadata, MetadataExt as _};
use s2i_core::{
    OpenDir, Script, Times,
    archive::{self, Keep, KeptTimes, TreeOptions, stat_tree},
    ignore::Filter,
    image::Hasher,
};

use super::tree::write_scripts;

/// The age from which the times of a file are reliable. A file that changed later may change again with the same times.
const SETTLED: Duration = Duration::from_secs(1);

/// Returns the fingerprint by contents, for a tree that no other process writes to.
pub(super) fn of_contents(
    root: &OpenDir,
    filter: &Filter,
    scripts: &[Script],
) -> io::Result<String> {
    let mut hash = Hash::of("contents");
    let options = TreeOptions {
        filter,
        mtime: 0,
        keep: Keep::default(),
        prefix: "",
    };
    archive::write_tree(root, &options, &mut hash.0)?;
    write_scripts(root, scripts, 0, None, &mut hash.0)?;
    Ok(hash.finish())
}

/// The facts about the files of a tree at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// A text that is the same for two trees only if the same files go into a container: a digest of the contents of the
    /// files of a commit, else one of the metadata of the files. It is absent where the tree can't be read, or has changed a
    /// moment ago.
    pub fingerprint: Option<String>,
    /// The newest modification time of the files of a directory, in seconds since 1970. It is absent for a checkout, and
    /// without files.
    pub newest: Option<u64>,
}

/// Looks at the metadata of a tree, without reading the files. The fingerprint covers the directory itself, and names,
/// sizes, modes, times and inodes of its entries.
pub(super) fn of_metadata(
    root: &OpenDir,
    filter: &Filter,
    scripts: &[Script],
) -> io::Result<Survey> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let settled = now.unwrap_or_default().saturating_sub(SETTLED);
    let mut hash = Hash::of("metadata");
    // Without its times, which change with excluded files.
    let own = root.dir().dir_metadata()?;
    hash.numbers([own.dev(), own.ino()]);
    let mut changed = 0;
    let mut newest = None;
    stat_tree(root, filter, &mut |path, metadata| {
        // The ctime of an entry can't be set by a program, unlike its mtime.
        changed = changed.max(metadata.ctime());
        if metadata.is_file() {
            newest = newest.max(u64::try_from(metadata.mtime()).ok());
        }
        hash.0.update(path);
        hash.0.update([0]);
        hash.entry(metadata);
        Ok(())
    })?;
    // The target of a script that is a link may be excluded.
    let (times, started) = (Times::default(), None);
    let kept = Some(KeptTimes { times, started });
    write_scripts(root, scripts, 0, kept, &mut hash.0)?;
    let is_settled = u64::try_from(changed).is_ok_and(|changed| changed < settled.as_secs());
    Ok(Survey {
        fingerprint: is_settled.then(|| hash.finish()),
        newest,
    })
}

struct Hash(Hasher);

impl Hash {
    fn of(kind: &str) -> Self {
        let mut hash = Hasher::default();
        hash.update(kind);
        Self(hash)
    }

    fn entry(&mut self, metadata: &Metadata) {
        self.numbers([metadata.dev(), metadata.ino(), metadata.size()]);
        self.0.update(metadata.mode().to_le_bytes());
        for number in [
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.ctime(),
            metadata.ctime_nsec(),
        ] {
            self.0.update(number.to_le_bytes());
        }
    }

    fn numbers<const N: usize>(&mut self, numbers: [u64; N]) {
        for number in numbers {
            self.0.update(number.to_le_bytes());
        }
    }

    fn finish(self) -> String {
        self.0.finish().hex()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, path::Path, thread};

    use super::*;

    fn of(root: &Path, scripts: &[Script]) -> Option<String> {
        let (filter, _) = Filter::excluding("^out$")
            .unwrap()
            .with_ignore_file("f", "ignored")
            .unwrap();
        of_metadata(&OpenDir::open(root).unwrap(), &filter, scripts)
            .unwrap()
            .fingerprint
    }

    fn settled(root: &Path) -> String {
        loop {
            match of(root, &[]) {
                Some(fingerprint) => return fingerprint,
                None => thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    #[test]
    fn fingerprint_changes_with_the_tree_alone() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir(root.join("a")).unwrap();
        fs::write(root.join("a/b"), "one").unwrap();
        assert_eq!(of(root, &[]), None, "too fresh");
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
    fn excluded_files_do_not_change_the_fingerprint() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("in"), "").unwrap();
        let first = settled(dir.path());
        for name in ["out", "ignored"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(of(dir.path(), &[]).unwrap(), first);
    }

    #[test]
    fn target_of_a_script_link_changes_the_fingerprint() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join(".s2i/bin")).unwrap();
        symlink("../../ignored", root.join(".s2i/bin/assemble")).unwrap();
        fs::write(root.join("ignored"), "one").unwrap();
        settled(root);
        let first = of(root, &[Script::Assemble]).unwrap();
        fs::write(root.join("ignored"), "two").unwrap();
        assert_ne!(of(root, &[Script::Assemble]).unwrap(), first);
    }

    /// The same names, modes and contents.
    #[test]
    fn equal_directories_differ_by_metadata_alone() {
        let temp = tempfile::tempdir().unwrap();
        for name in ["one", "two"] {
            fs::create_dir(temp.path().join(name)).unwrap();
        }
        let [one, two] = ["one", "two"].map(|name| temp.path().join(name));
        assert_ne!(settled(&one), settled(&two));
        let of = |root: &Path| {
            let root = OpenDir::open(root).unwrap();
            of_contents(&root, &Filter::default(), &[]).unwrap()
        };
        assert_eq!(of(&one), of(&two));
        fs::write(two.join("file"), "").unwrap();
        assert_ne!(of(&one), of(&two));
    }
}
