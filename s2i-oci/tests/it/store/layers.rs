//! Layers as trees, and trees as layers.

use std::{
    cell::RefCell,
    fs,
    os::unix::fs::{MetadataExt, symlink},
    thread,
};

use s2i_core::image::{ImageConfig, Platform};
use s2i_oci::{
    Digest,
    store::{LayerSource, NewImage, StoreError, StoredImage, Unpacking},
};

use super::scene::{
    CLAMP, Packing, Scene, archive, build, build_on, chain, composed, export, is_skipped, name,
    plain_layers, trees,
};

/// Imports an image with a layer of each kind.
fn import(scene: &Scene) -> StoredImage {
    let layers = [
        ("plain", Packing::Plain),
        ("gzip", Packing::Gzip),
        ("zstd", Packing::Zstd),
    ];
    let images = [composed(scene.temp.path(), &layers, &["kinds"])];
    scene
        .store
        .import(&mut archive(&images).as_slice())
        .unwrap();
    scene.store.find(&name("kinds")).unwrap().unwrap()
}

#[test]
fn layers_are_unpacked_once() {
    if is_skipped() {
        return;
    }
    let scene = Scene::new();
    let image = import(&scene);
    let unpacked = RefCell::new(Vec::new());
    let progress = |layer: Unpacking| unpacked.borrow_mut().push(layer);
    let first = scene.store.trees(&image, &progress).unwrap();
    let expected: Vec<_> = image
        .layers()
        .map(|layer| Unpacking {
            layer: layer.diff_id,
            bytes: layer.descriptor.size,
            read: 0,
            again: false,
        })
        .collect();
    assert_eq!(unpacked.take(), expected);
    for (tree, content) in first.iter().zip(["plain", "gzip", "zstd"]) {
        let file = tree.join("etc/s2i").join(content);
        assert_eq!(fs::read_to_string(&file).unwrap(), content);
        assert_eq!(file.metadata().unwrap().mtime(), 3);
    }
    assert_eq!(scene.store.trees(&image, &progress).unwrap(), first);
    assert_eq!(unpacked.take(), []);
    assert_eq!(scene.names("work").len(), 0);
    // Now the size of all is known.
    let image = scene.store.find(&name("kinds")).unwrap().unwrap();
    let sizes = plain_layers(&scene.store, &image);
    assert_eq!(
        image.size(),
        sizes.iter().map(|layer| layer.len() as u64).sum::<u64>()
    );
}

#[test]
fn every_layer_is_written_as_a_plain_archive() {
    let scene = Scene::new();
    let image = import(&scene);
    let layers = plain_layers(&scene.store, &image);
    assert_eq!(layers.len(), 3);
    for (layer, plain) in image.layers().zip(layers) {
        let blob = scene.store.open_blob(&layer.descriptor).unwrap();
        assert_eq!(
            blob.unwrap().metadata().unwrap().len(),
            layer.descriptor.size
        );
        assert_eq!(
            layer.is_plain(),
            plain.len() as u64 == layer.descriptor.size
        );
    }
    let built = build(&scene.store, "built", None);
    let layer = built.layers().next().unwrap();
    assert!(!scene.store.has_blob(layer.descriptor.digest));
    assert!(scene.store.open_blob(&layer.descriptor).unwrap().is_none());
    assert!(scene.store.has_blob(built.id()));
    plain_layers(&scene.store, &built);
}

#[test]
fn changed_content_is_detected() {
    let scene = Scene::new();
    let fails = |image: &StoredImage| {
        let layer = image.layers().next().unwrap();
        chain(
            &scene
                .store
                .write_layer(&layer, &mut Vec::new())
                .unwrap_err(),
        )
    };
    let built = build(&scene.store, "built", None);
    let tree = trees(&scene.store, &built).remove(0);
    fs::write(tree.join("file"), "other").unwrap();
    let expected = format!(
        "{} is damaged: its files are not those of the layer any more",
        tree.display()
    );
    assert_eq!(fails(&built), expected);

    let image = import(&scene);
    let problems = ["it has another digest", "it has 3 bytes, but should have"];
    for (layer, problem) in image.layers().zip(problems) {
        let blobs = scene.store.root().join("blobs/sha256");
        let path = blobs.join(layer.descriptor.digest.hex());
        let mut bytes = fs::read(&path).unwrap();
        if layer.is_plain() {
            // In the file: two directories and its header are before it.
            bytes[3 * 512] ^= 1;
        } else {
            bytes.truncate(3);
        }
        fs::write(&path, bytes).unwrap();
        let err = scene.store.write_layer(&layer, &mut Vec::new());
        let expected = format!("{} is damaged: {problem}", path.display());
        let err = chain(&err.unwrap_err());
        assert!(err.starts_with(&expected), "{err}");
    }
    if !is_skipped() {
        let err = scene.store.trees(&image, &|_| {}).unwrap_err();
        assert!(matches!(err, StoreError::Mismatch { .. }), "{err:?}");
        assert_eq!(scene.names("layers").len(), 1);
    }
}

#[test]
fn adopted_trees_are_complete_and_get_one_time() {
    let scene = Scene::new();
    let work = scene.store.work(&[]).unwrap();
    let tree = work.path().join("a/b");
    fs::create_dir_all(tree.join("dir")).unwrap();
    fs::write(tree.join("dir/file"), "x").unwrap();
    symlink("dir/file", tree.join("link")).unwrap();
    let inode = tree.join("dir/file").metadata().unwrap().ino();
    let adopted = scene.store.adopt(&tree, Some(&CLAMP)).unwrap();
    assert!(!tree.exists());
    assert_eq!(adopted.size().files, 3);
    let diff_id = adopted.diff_id();
    // Its origin does not matter any more.
    drop(work);
    let mut config = ImageConfig::new(Platform::linux("amd64"));
    config.rootfs.diff_ids.push(diff_id);
    let layers = vec![LayerSource::Adopted(adopted)];
    let image = scene
        .store
        .publish(NewImage { config, layers }, None)
        .unwrap();
    let tree = trees(&scene.store, &image).remove(0);
    let metadata = tree.join("dir/file").metadata().unwrap();
    assert_eq!((metadata.ino(), metadata.mtime()), (inode, 7));
    let link = tree.join("link").symlink_metadata().unwrap();
    assert_eq!(link.mtime(), 7);
}

#[test]
fn unpublished_layers_are_removed() {
    let scene = Scene::new();
    let work = scene.store.work(&[]).unwrap();
    let tree = work.path().join("tree");
    fs::create_dir(&tree).unwrap();
    let adopted = scene.store.adopt(&tree, None).unwrap();
    // It is not removed before.
    scene.store.prune().unwrap();
    s2i_oci::store::Store::open(scene.store.root()).unwrap();
    assert_eq!(scene.names("work").len(), 2);
    drop((adopted, work));
    assert_eq!(scene.names("work").len(), 0);
    assert_eq!(scene.names("layers").len(), 0);
}

#[test]
fn trees_outside_of_the_store_are_not_adopted() {
    let scene = Scene::new();
    let work = scene.store.work(&[]).unwrap();
    let outside = scene.temp.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let link = work.path().join("link");
    symlink(&outside, &link).unwrap();
    let climbs = work.path().join("../../../outside");
    for tree in [
        &outside,
        &link,
        &climbs,
        &work.path().to_owned(),
        &scene.store.root().join("layers"),
    ] {
        let err = scene.store.adopt(tree, None).unwrap_err();
        assert!(matches!(err, StoreError::Outside(_)), "{err:?}");
    }
    let missing = work.path().join("missing");
    let err = scene.store.adopt(&missing, None).unwrap_err();
    assert!(matches!(err, StoreError::Disk { .. }), "{err:?}");
    assert!(outside.exists());
}

#[test]
fn duplicate_layer_is_returned_once() {
    let scene = Scene::new();
    let a = build(&scene.store, "a", None);
    let b = build_on(&scene.store, Some(&a), "b", None).unwrap();
    let again = build_on(&scene.store, Some(&b), "a", None).unwrap();
    assert_eq!(again.layers().len(), 3);
    let tree = |n: usize| {
        let diff_id: Digest = again.config().rootfs.diff_ids[n];
        scene
            .store
            .root()
            .join("layers")
            .join(diff_id.hex())
            .join("tree")
    };
    assert_eq!(trees(&scene.store, &again), [tree(1), tree(2)]);
}

#[test]
fn same_layer_can_be_unpacked_concurrently() {
    if is_skipped() {
        return;
    }
    for _ in 0..5 {
        let scene = Scene::new();
        let image = import(&scene);
        let found: Vec<_> = thread::scope(|scope| {
            let threads = [(); 8].map(|()| scope.spawn(|| trees(&scene.store, &image)));
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert!(found.iter().all(|trees| *trees == found[0]));
        assert_eq!(scene.names("layers").len(), 3);
        assert_eq!(scene.names("work").len(), 0);
        assert!(found[0][0].join("etc/s2i/plain").exists());
    }
}

/// A tree that was unpacked from the archive of another tool need not give the archive of the same layer that
/// is built here.
#[test]
fn existing_layer_is_shared() {
    if is_skipped() {
        return;
    }
    let scene = Scene::new();
    let elsewhere = scene.other();
    let built = build(&elsewhere, "same", Some("same"));
    let layer = plain_layers(&elsewhere, &built).remove(0);
    let diff_id = Digest::of(&layer);
    // The same layer, compressed by another tool.
    let gzipped = super::archives::docker_archive(&[(
        built.config(),
        &["external"],
        &[super::scene::gzip(&layer)],
    )]);
    scene.store.import(&mut gzipped.as_slice()).unwrap();
    let external = scene.store.find(&name("external")).unwrap().unwrap();
    let tree = trees(&scene.store, &external).remove(0);
    let inode = tree.metadata().unwrap().ino();

    let own = build(&scene.store, "same", Some("own"));
    assert_eq!(own.config().rootfs.diff_ids, [diff_id]);
    assert_eq!(own.layers().next().unwrap().descriptor.digest, diff_id);
    // The tree may be in use, so it is still the one that was there.
    assert_eq!(trees(&scene.store, &own), std::slice::from_ref(&tree));
    assert_eq!(tree.metadata().unwrap().ino(), inode);
    // Each can be had on its own.
    scene.store.untag(&name("external")).unwrap();
    scene.store.collect().unwrap();
    assert_eq!(plain_layers(&scene.store, &own), [layer]);
    export(&scene.store, &[&own]);
}
