//! Trees whose files may not have reached the disk before the machine stopped.

use std::{cell::RefCell, fs, path::Path};

use s2i_oci::store::{Store, StoreError, StoredImage, Unpacking};

use super::scene::{
    Packing, Scene, archive, build, composed, is_skipped, name, plain_layers, trees,
};

/// Returns for each layer that was unpacked whether it was unpacked before.
fn unpacked(store: &Store, image: &StoredImage) -> Result<Vec<bool>, StoreError> {
    let unpacked = RefCell::new(Vec::new());
    let progress = |layer: Unpacking| unpacked.borrow_mut().push(layer.again);
    store.trees(image, &progress)?;
    Ok(unpacked.take())
}

fn import(scene: &Scene, packing: Packing) -> StoredImage {
    let images = [composed(scene.temp.path(), &[("x", packing)], &["x"])];
    scene
        .store
        .import(&mut archive(&images).as_slice())
        .unwrap();
    scene.store.find(&name("x")).unwrap().unwrap()
}

fn record(tree: &Path) -> String {
    fs::read_to_string(tree.with_file_name("layer.json")).unwrap()
}

#[test]
fn built_layer_is_checked_once_after_a_boot() {
    let scene = Scene::new();
    let image = build(&scene.store, "built", Some("built"));
    let tree = trees(&scene.store, &image).remove(0);
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert!(record(&tree).contains(boot.trim()));

    let next = scene.store.in_boot("next");
    assert_eq!(unpacked(&next, &image).unwrap(), [false; 0]);
    assert!(!record(&tree).contains("boot"), "{}", record(&tree));
    // It is on the disk, which is recorded: later changes are not detected.
    fs::write(tree.join("file"), "other").unwrap();
    for boot in ["next", "another", boot.trim()] {
        assert_eq!(
            unpacked(&scene.store.in_boot(boot), &image).unwrap(),
            [false; 0]
        );
    }
}

#[test]
fn torn_layer_is_an_error_until_it_is_built_again() {
    let scene = Scene::new();
    let image = build(&scene.store, "built", Some("built"));
    let layer = image.layers().next().unwrap();
    let tree = trees(&scene.store, &image).remove(0);
    // As delayed allocation leaves it.
    fs::write(tree.join("file"), "").unwrap();
    let next = scene.store.in_boot("next");
    let expected = format!(
        "the files of the layer {} are not what was built: the machine stopped before they were on \
         the disk",
        layer.diff_id
    );
    for _ in 0..2 {
        assert_eq!(
            next.trees(&image, &|_| {}).unwrap_err().to_string(),
            expected
        );
    }
    let err = next.write_layer(&layer, &mut Vec::new()).unwrap_err();
    assert_eq!(err.to_string(), expected);

    let again = build(&next, "built", Some("built"));
    assert_eq!(again, image);
    assert_eq!(fs::read_to_string(tree.join("file")).unwrap(), "built");
    assert_eq!(unpacked(&next, &image).unwrap(), [false; 0]);
    plain_layers(&next, &image);
}

#[test]
fn imported_layer_is_unpacked_again_once() {
    if is_skipped() {
        return;
    }
    for packing in [Packing::Plain, Packing::Gzip] {
        let scene = Scene::new();
        let image = import(&scene, packing);
        assert_eq!(unpacked(&scene.store, &image).unwrap(), [false]);
        let tree = trees(&scene.store, &image).remove(0);
        fs::remove_file(tree.join("etc/s2i/x")).unwrap();
        let next = scene.store.in_boot("next");
        assert_eq!(unpacked(&next, &image).unwrap(), [true]);
        assert_eq!(fs::read_to_string(tree.join("etc/s2i/x")).unwrap(), "x");
        for boot in ["next", "another"] {
            assert_eq!(unpacked(&next.in_boot(boot), &image).unwrap(), [false; 0]);
        }
        assert_eq!(scene.names("work").len(), 0);
    }
}

#[test]
fn torn_layer_with_an_archive_is_unpacked_again() {
    if is_skipped() {
        return;
    }
    let scene = Scene::new();
    let image = build(&scene.store, "built", Some("built"));
    let tree = trees(&scene.store, &image).remove(0);
    let exported = super::scene::export(&scene.store, &[&image]);
    scene.store.import(&mut exported.as_slice()).unwrap();
    fs::write(tree.join("file"), "").unwrap();
    let next = scene.store.in_boot("next");
    assert_eq!(unpacked(&next, &image).unwrap(), [true]);
    assert_eq!(fs::read_to_string(tree.join("file")).unwrap(), "built");
    // It is still known that the tree gives the archive.
    assert!(
        record(&tree).contains(r#""packs":true"#),
        "{}",
        record(&tree)
    );
}

#[test]
fn torn_tree_is_replaced_once_by_two_processes() {
    if is_skipped() {
        return;
    }
    let scene = Scene::new();
    let image = import(&scene, Packing::Gzip);
    trees(&scene.store, &image);
    let next = scene.store.in_boot("next");
    // The second one comes when the first is already using the tree that it made.
    let first = RefCell::new(None);
    let progress = |_: Unpacking| {
        let other = next.clone();
        let trees = other.trees(&image, &|_| {}).unwrap();
        *first.borrow_mut() = Some(fs::File::open(&trees[0]).unwrap());
    };
    let found = next.trees(&image, &progress).unwrap();
    let inode = |file: fs::Metadata| std::os::unix::fs::MetadataExt::ino(&file);
    let first = first.take().unwrap();
    assert_eq!(
        inode(first.metadata().unwrap()),
        inode(found[0].metadata().unwrap())
    );
}

#[test]
fn incomplete_layer_is_unpacked_again() {
    if is_skipped() {
        return;
    }
    let scene = Scene::new();
    let external = import(&scene, Packing::Plain);
    let built = build(&scene.store, "built", Some("built"));
    for image in [&external, &built] {
        let tree = trees(&scene.store, image).remove(0);
        fs::remove_file(tree.with_file_name("layer.json")).unwrap();
    }
    assert_eq!(unpacked(&scene.store, &external).unwrap(), [false]);
    let err = scene.store.trees(&built, &|_| {}).unwrap_err();
    assert!(
        matches!(err, StoreError::Gone(id) if id == built.id()),
        "{err:?}"
    );
    assert_eq!(build(&scene.store, "built", Some("built")), built);
    assert_eq!(trees(&scene.store, &built).len(), 1);
    scene.store.collect().unwrap();
    assert_eq!(scene.names("layers").len(), 2);
}
