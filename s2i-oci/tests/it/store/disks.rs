//! Disks that are full, with a real one.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

use s2i_oci::{
    manifest::{Descriptor, LAYER},
    store::{Store, StoreError},
};
use tempfile::TempDir;

use super::{
    archives::{Tar, config, docker_archive},
    scene::{build, build_on, gzip, name, names, plain_layers},
};
use crate::scratch;

/// A small file system in memory.
struct Disk(TempDir);

impl Disk {
    /// Returns `None` where nothing can be mounted, and prints that.
    fn new(size: &str) -> Option<Self> {
        let temp = scratch::dir();
        let options = format!("size={size},mode=700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "none"])
            .arg(temp.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(temp));
        }
        eprintln!("SKIPPED: only root can mount a small file system");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the space that is left.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filling");
        let mut file = File::create(&path).unwrap();
        let mut size = 4096;
        while size > 0 {
            match file.write(&vec![1; size]) {
                Ok(_) => {}
                Err(err) if err.kind() == io::ErrorKind::StorageFull => size /= 2,
                Err(err) => panic!("{err}"),
            }
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

/// Fails as a full disk does, and leaves nothing.
#[track_caller]
fn assert_full<T>(store: &Store, done: Result<T, StoreError>) {
    let Err(err) = done else {
        panic!("there was space");
    };
    assert!(err.is_full(), "{err:?}");
    assert_eq!(names(store, "work").len(), 0);
}

#[test]
fn full_disk_leaves_the_store_unchanged() {
    let Some(disk) = Disk::new("1m") else { return };
    let store = Store::open(&disk.path().join("store")).unwrap();
    let base = build(&store, "base", Some("base"));
    let before = store.list().unwrap();
    let same = || {
        assert_eq!(store.list().unwrap(), before);
        plain_layers(&store, &base);
        assert_eq!(names(&store, "layers").len(), 1);
    };

    let large = Tar::default().file("large", &vec![1; 3 << 20]).end();
    let config = config("amd64", &[&large]);
    let plain = docker_archive(&[(&config, &["large"], std::slice::from_ref(&large))]);
    for archive in [plain.clone(), gzip(&plain)] {
        assert_full(&store, store.import(&mut archive.as_slice()));
        same();
    }

    // It fits as it comes, but not unpacked.
    let small = docker_archive(&[(&config, &["large"], &[gzip(&large)])]);
    store.import(&mut small.as_slice()).unwrap();
    let image = store.find(&name("large")).unwrap().unwrap();
    if rustix::process::geteuid().is_root() {
        assert_full(&store, store.trees(&image, &|_| {}));
    }
    store.untag(&name("large")).unwrap();
    store.collect().unwrap();
    same();

    let filling = disk.fill();
    assert_full(&store, build_on(&store, Some(&base), "app", Some("app")));
    assert_full(&store, store.tag(&base, &name("more")));
    assert_full(&store, store.untag(&name("base")));
    same();
    fs::remove_file(filling).unwrap();
    build_on(&store, Some(&base), "app", Some("app")).unwrap();
    assert_eq!(store.list().unwrap().len(), 2);
}

#[test]
fn full_disk_can_be_pruned() {
    let Some(disk) = Disk::new("1m") else { return };
    let store = Store::open(&disk.path().join("store")).unwrap();
    let kept = build(&store, "kept", Some("kept"));
    build(&store, "gone", Some("gone"));
    store.untag(&name("gone")).unwrap();
    let filling = disk.fill();
    // Not even a list of what goes can be written.
    let freed = store.collect().unwrap();
    assert_eq!((freed.images, freed.layers), (1, 1));
    assert_eq!(store.list().unwrap(), std::slice::from_ref(&kept));
    assert_eq!(names(&store, "layers").len(), 1);

    fs::remove_file(filling).unwrap();
    build(&store, "unnamed", None);
    let work = store.work(&[]).unwrap();
    let blob = Descriptor::of(LAYER, b"a download");
    let partial = store.partial(&work, &blob).unwrap().unwrap();
    fs::write(partial.path(), vec![1; 8192]).unwrap();
    drop((partial, work));
    disk.fill();
    assert_eq!(store.prune().unwrap().images, 1);
    assert_eq!(store.list().unwrap(), [kept]);
}
