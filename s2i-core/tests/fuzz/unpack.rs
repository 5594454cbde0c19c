//! The archive reader on a file system.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
};

use cap_std::{ambient_authority, fs::Dir};
use s2i_core::archive::{Limits, unpack};
use tempfile::TempDir;

use super::seal::sealed;

const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    entries: 1000,
    depth: 200,
    path: 4095,
};

/// Whatever is unpacked, nothing beside the directory changes, and no more is in it than was counted.
pub(crate) fn check(input: &[u8]) {
    let temp = TempDir::with_prefix("s2i-fuzz-").unwrap();
    let (outside, inside) = (temp.path().join("outside"), temp.path().join("inside"));
    fs::create_dir(&outside).unwrap();
    fs::create_dir(&inside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    symlink("secret", outside.join("pointer")).unwrap();
    // An earlier layer of links to climb through.
    symlink("../outside", inside.join("out")).unwrap();
    symlink("../outside/secret", inside.join("file")).unwrap();
    let before = state(&outside);
    let dir = Dir::open_ambient_dir(&inside, ambient_authority()).unwrap();
    let unpacked = unpack(&mut &sealed(input)[..], &dir, &LIMITS);
    assert_eq!(state(&outside), before);
    let mut names: Vec<_> = names(temp.path());
    names.sort();
    assert_eq!(names, ["inside", "outside"]);
    if let Ok(unpacked) = unpacked {
        assert!(bytes_below(&inside) <= unpacked.bytes);
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

/// All that must not change.
fn state(dir: &Path) -> Vec<(String, u32, i64, u64, Vec<u8>)> {
    let mut nodes: Vec<_> = names(dir)
        .into_iter()
        .chain([String::new()])
        .map(|name| {
            let path = dir.join(&name);
            let meta = path.symlink_metadata().unwrap();
            let content = if meta.is_file() {
                fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            (name, meta.mode(), meta.mtime_nsec(), meta.nlink(), content)
        })
        .collect();
    nodes.sort();
    nodes
}

/// The bytes of the files below a directory, each counted once, and nothing that is no file, directory
/// or link.
fn bytes_below(dir: &Path) -> u64 {
    // Modes come from the archive, and this may run as an ordinary user.
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
    let entries = fs::read_dir(dir).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let meta = path.symlink_metadata().unwrap();
        let kind = meta.file_type();
        assert!(kind.is_file() || kind.is_dir() || kind.is_symlink());
        assert_eq!(meta.mode() & 0o7000, 0, "{}", path.display());
        match kind {
            kind if kind.is_dir() => bytes_below(&path),
            kind if kind.is_file() => meta.len() / meta.nlink(),
            _ => 0,
        }
    });
    entries.sum()
}
