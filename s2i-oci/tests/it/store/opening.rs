//! Which directories are stores, and whose.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::Path,
};

use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
use s2i_oci::store::{Store, StoreError};

use super::scene::{Scene, build, chain, name};
use crate::scratch;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn new_store_is_private() {
    let temp = scratch::dir();
    let there = temp.path().join("there");
    fs::create_dir(&there).unwrap();
    fs::set_permissions(&there, fs::Permissions::from_mode(0o755)).unwrap();
    for root in [there, temp.path().join("not/there")] {
        let store = Store::open(&root).unwrap();
        assert_eq!(store.root(), root.canonicalize().unwrap());
        build(&store, "a", Some("a"));
        assert_eq!(mode(&root), 0o700);
        for entry in fs::read_dir(&root).unwrap() {
            let path = entry.unwrap().path();
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(&path), expected, "{}", path.display());
        }
        let again = Store::open(&root).unwrap();
        assert!(again.find(&name("a")).unwrap().is_some());
    }
}

/// Work is spread where the file system can: each build has files of its own to make and to remove.
#[test]
fn work_is_spread_over_the_disk() {
    let scene = Scene::new();
    let flags = |path: &Path| ioctl_getflags(fs::File::open(path).unwrap());
    let probe = fs::File::open(scene.temp.path()).unwrap();
    let can = ioctl_getflags(&probe).and_then(|old| ioctl_setflags(&probe, old | IFlags::TOPDIR));
    if can.is_err() {
        eprintln!("skipped: the file system of temporary files has no such flag");
        return;
    }
    let work = scene.store.root().join("work");
    assert!(flags(&work).unwrap().contains(IFlags::TOPDIR));
    // Also in a store that was made before.
    let file = fs::File::open(&work).unwrap();
    ioctl_setflags(&file, flags(&work).unwrap() - IFlags::TOPDIR).unwrap();
    Store::open(scene.store.root()).unwrap();
    assert!(flags(&work).unwrap().contains(IFlags::TOPDIR));
}

#[test]
fn store_is_opened_through_a_link() {
    let scene = Scene::new();
    let link = scene.temp.path().join("link");
    symlink(scene.store.root(), &link).unwrap();
    assert_eq!(Store::open(&link).unwrap().root(), scene.store.root());
}

#[test]
fn other_directories_are_refused_unchanged() {
    let temp = scratch::dir();
    for content in ["work", "index.json", "blobs", ".hidden"] {
        let root = temp.path().join(content);
        fs::create_dir_all(root.join(content)).unwrap();
        fs::write(root.join(content).join("precious"), "x").unwrap();
        let err = Store::open(&root).unwrap_err();
        let expected = format!("{} is not empty, and not an image store", root.display());
        assert_eq!(err.to_string(), expected);
        assert!(root.join(content).join("precious").exists());
        assert_eq!(fs::read_dir(&root).unwrap().count(), 1);
        assert_ne!(mode(&root), 0o700);
    }
    let file = temp.path().join("file");
    fs::write(&file, "").unwrap();
    let err = Store::open(&file).unwrap_err();
    assert!(matches!(err, StoreError::Disk { .. }), "{err:?}");
}

#[test]
fn interrupted_creation_is_completed() {
    let temp = scratch::dir();
    fs::write(temp.path().join("lock"), "").unwrap();
    fs::write(temp.path().join("new"), "{").unwrap();
    let store = Store::open(temp.path()).unwrap();
    build(&store, "a", Some("a"));
    assert!(!temp.path().join("new").exists());
}

#[test]
fn unknown_formats_are_refused() {
    let scene = Scene::new();
    let root = scene.store.root();
    let marker = root.join("store.json");
    let ours = fs::read_to_string(&marker).unwrap();
    let trees = if ours.contains("trusted") {
        "user"
    } else {
        "trusted"
    };
    let check = |content: &str, expected: &str| {
        fs::write(&marker, content).unwrap();
        let err = chain(&Store::open(root).unwrap_err());
        assert!(err.ends_with(expected), "{err}");
    };
    check(
        r#"{"version":2,"something":"else"}"#,
        "has format 2, but this version knows formats up to 1 only",
    );
    check(
        "{",
        "store.json is damaged: EOF while parsing an object at line 1 column 1",
    );
    check(
        r#"{"version":1,"trees":"none"}"#,
        "store.json is damaged: its field `trees` is unknown",
    );
    fs::write(&marker, format!(r#"{{"version":1,"trees":"{trees}"}}"#)).unwrap();
    let err = Store::open(root).unwrap_err();
    assert!(matches!(err, StoreError::Dialect { .. }), "{err:?}");
    fs::write(&marker, ours).unwrap();
    Store::open(root).unwrap();
}

#[test]
fn stores_of_other_users_are_refused() {
    let scene = Scene::new();
    let root = scene.store.root();
    let user = rustix::process::geteuid().as_raw();
    let owner = user + 1;
    if chown(root, Some(owner), None).is_err() {
        eprintln!("SKIPPED: only root can give a directory away");
        return;
    }
    let err = Store::open(root).unwrap_err();
    let expected = format!(
        "the image store {} belongs to the user {owner}, but this is the user {user}",
        root.display()
    );
    assert_eq!(err.to_string(), expected);
}
