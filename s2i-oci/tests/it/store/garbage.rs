//! What goes, what stays, and what is hard to remove.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use rustix::fs::{FileType, IFlags, Mode, OFlags, ioctl_setflags, mkdirat, mknodat, openat};
use s2i_oci::store::{Freed, Store, StoreError};

use super::scene::{
    Packing, Scene, archive, build, build_on, composed, is_skipped, name, plain_layers, trees,
};

#[test]
fn unreferenced_content_is_collected() {
    let scene = Scene::new();
    let store = &scene.store;
    let base = build(store, "base", Some("base"));
    let app = build_on(store, Some(&base), "app", Some("app")).unwrap();
    let unnamed = build(store, "unnamed", None);
    assert_eq!(store.collect().unwrap(), Freed::default());

    // The layer below stays with the image that is on it.
    store.untag(&name("base")).unwrap();
    let freed = store.collect().unwrap();
    assert_eq!((freed.images, freed.layers), (1, 0));
    plain_layers(store, &app);
    let size = app.size();
    store.untag(&name("app")).unwrap();
    let freed = store.collect().unwrap();
    assert_eq!((freed.images, freed.layers), (1, 2));
    assert!(freed.bytes > size, "{freed:?}");

    assert_eq!(store.list().unwrap(), [unnamed]);
    assert_eq!(store.prune().unwrap().images, 1);
    for place in ["blobs/sha256", "layers", "work", "partial"] {
        assert_eq!(scene.names(place).len(), 0, "{place}");
    }
}

#[test]
fn image_that_lost_its_name_is_collected() {
    let scene = Scene::new();
    build(&scene.store, "one", Some("name"));
    let two = build(&scene.store, "two", Some("name"));
    assert_eq!(scene.store.collect().unwrap().images, 1);
    assert_eq!(scene.store.list().unwrap(), [two]);
}

#[test]
fn images_in_use_are_kept() {
    let scene = Scene::new();
    let store = &scene.store;
    let images = [composed(
        scene.temp.path(),
        &[("x", Packing::Gzip)],
        &["used"],
    )];
    store.import(&mut archive(&images).as_slice()).unwrap();
    let used = store.find(&name("used")).unwrap().unwrap();
    let base = build(store, "base", Some("base"));
    // The process does not matter.
    let work = Store::open(store.root())
        .unwrap()
        .work(&[&used, &base])
        .unwrap();
    for tag in ["used", "base"] {
        store.untag(&name(tag)).unwrap();
    }
    store.prune().unwrap();
    Store::open(store.root()).unwrap();
    assert!(work.path().exists());
    plain_layers(store, &used);
    let app = build_on(store, Some(&base), "app", Some("app")).unwrap();
    drop(work);
    store.collect().unwrap();
    plain_layers(store, &app);
    let err = store.work(&[&app, &used]).unwrap_err();
    assert!(
        matches!(err, StoreError::Gone(id) if id == used.id()),
        "{err:?}"
    );
    assert_eq!(scene.names("work").len(), 0);
}

#[test]
fn leftovers_of_killed_processes_are_removed() {
    let scene = Scene::new();
    let root = scene.store.root();
    let alive = scene.store.work(&[]).unwrap();
    for (name, has_lock) in [("unlocked", true), ("unmade", false)] {
        let work = root.join("work").join(name);
        fs::create_dir_all(work.join("tree/deep")).unwrap();
        fs::write(work.join("tree/deep/file"), "x").unwrap();
        if has_lock {
            File::create(work.join("lock")).unwrap();
            // An incomplete lease, which is not read.
            fs::write(work.join("lease.json"), "{").unwrap();
        }
    }
    fs::write(root.join("work/file"), "x").unwrap();
    fs::write(root.join("new"), "x").unwrap();
    Store::open(root).unwrap();
    assert_eq!(scene.names("work").len(), 1);
    assert!(alive.path().exists());
    assert!(!root.join("new").exists());

    // Other files are removed as well.
    fs::write(root.join("blobs/sha256/temporary"), "x").unwrap();
    fs::create_dir(root.join("layers/what")).unwrap();
    scene.store.collect().unwrap();
    assert_eq!(scene.names("blobs/sha256").len(), 0);
    assert_eq!(scene.names("layers").len(), 0);
}

/// A directory in a work, made to be hard to remove.
fn hostile(work: &Path) {
    let tree = work.join("tree");
    fs::create_dir_all(tree.join("closed/inner")).unwrap();
    fs::write(tree.join("closed/file"), "x").unwrap();
    symlink("/", tree.join("root")).unwrap();
    symlink(".", tree.join("closed/loop")).unwrap();
    let dir = File::open(&tree).unwrap();
    mknodat(&dir, "fifo", FileType::Fifo, Mode::empty(), 0).unwrap();
    // As overlayfs leaves its own directory.
    for path in ["closed/inner", "closed"] {
        fs::set_permissions(tree.join(path), Permissions::from_mode(0o000)).unwrap();
    }
    // Deeper than a path can be, and than the number of directories that may be open.
    let mut dir = dir;
    for _ in 0..5000 {
        mkdirat(&dir, "d", Mode::RWXU).unwrap();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        dir = openat(&dir, "d", flags, Mode::empty()).unwrap().into();
    }
}

#[test]
fn trees_of_any_kind_are_removed() {
    if is_skipped() {
        return;
    }
    let scene = Scene::new();
    let work = scene.store.work(&[]).unwrap();
    hostile(work.path());
    work.remove().unwrap();
    let work = scene.store.work(&[]).unwrap();
    hostile(work.path());
    drop(work);
    assert_eq!(scene.names("work").len(), 0);
    assert!(scene.temp.path().exists());
}

#[test]
fn same_tree_can_be_removed_concurrently() {
    if is_skipped() {
        return;
    }
    let scene = Scene::new();
    let dead = scene.store.root().join("work/dead");
    hostile(&dead);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| Store::open(scene.store.root()).unwrap().collect().unwrap());
        }
    });
    assert_eq!(scene.names("work").len(), 0);
}

#[test]
fn mount_points_are_not_entered() {
    let scene = Scene::new();
    let precious = scene.temp.path().join("precious");
    fs::create_dir(&precious).unwrap();
    fs::write(precious.join("file"), "x").unwrap();
    let work = scene.store.work(&[]).unwrap();
    let merged = work.path().join("merged");
    fs::create_dir(&merged).unwrap();
    // The same file system, so only the mount distinguishes them.
    let mounted = Command::new("mount")
        .arg("--bind")
        .args([&precious, &merged])
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: only root can mount");
        return;
    }
    let path = work.path().to_owned();
    drop(work);
    let err = scene.store.collect();
    let unmounted = Command::new("umount").arg(&merged).status();
    let err = err.unwrap_err();
    assert!(
        matches!(&err, StoreError::Disk { operation: "remove", path, .. } if *path == merged),
        "{err:?}"
    );
    assert!(precious.join("file").exists());
    assert!(unmounted.unwrap().success());
    scene.store.collect().unwrap();
    assert!(!path.exists());
    assert!(precious.join("file").exists());
}

#[test]
fn failed_removal_is_reported_and_stops_nothing() {
    let scene = Scene::new();
    let work = scene.store.work(&[]).unwrap();
    let path = work.path().join("tree/file");
    fs::create_dir(work.path().join("tree")).unwrap();
    let file = File::create(&path).unwrap();
    if ioctl_setflags(&file, IFlags::IMMUTABLE).is_err() {
        eprintln!("SKIPPED: no file can be made immutable here");
        return;
    }
    drop(work);
    let store = Store::open(scene.store.root()).unwrap();
    let image = build(&store, "a", Some("a"));
    let err = store.collect();
    ioctl_setflags(&file, IFlags::empty()).unwrap();
    let expected = format!("can't remove {}", path.display());
    assert_eq!(err.unwrap_err().to_string(), expected);
    store.collect().unwrap();
    assert_eq!(scene.names("work").len(), 0);
    assert_eq!(trees(&store, &image).len(), 1);
}

#[test]
fn clear_removes_only_entries_of_the_caller() {
    let scene = Scene::new();
    let work = scene.store.work(&[]).unwrap();
    let outside = scene.temp.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "stays").unwrap();
    let own = work.path().join("own");
    fs::create_dir(&own).unwrap();
    symlink(&outside, own.join("link")).unwrap();
    work.clear("own".as_ref()).unwrap();
    assert!(!own.exists());
    for name in ["lock", "lease.json", "", ".", "..", "a/b", "own/../lock"] {
        assert!(work.clear(name.as_ref()).is_err(), "{name:?}");
    }
    assert!(work.clear(outside.as_os_str()).is_err());
    assert!(outside.join("file").exists() && work.path().join("lock").exists());
}
