//! Compressed forms of layers: how long they are kept, and when they are verified.

use std::{fs, io::Read, path::PathBuf};

use s2i_oci::{
    layer::{self, Compression},
    manifest::Descriptor,
    store::{Store, StoredImage, StoredLayer},
};

use super::scene::{Packing, Scene, archive, build, composed, name};

/// Compresses the only layer of the image and keeps the form.
fn keep(store: &Store, image: &StoredImage) -> (StoredLayer, Descriptor) {
    let layer = image.layers().next().unwrap();
    let work = store.work(&[image]).unwrap();
    let file = work.path().join("form");
    let form = layer::compress(&file, Compression::Gzip, |out| {
        store
            .write_layer(&layer, out)
            .map_err(std::io::Error::other)
    });
    let form = form.unwrap();
    store.keep_compressed(layer.diff_id, &form, &file).unwrap();
    assert!(!file.exists());
    (layer, form)
}

/// The bytes of the form, if it is kept.
fn kept(store: &Store, layer: &StoredLayer, form: &Descriptor) -> Option<Vec<u8>> {
    let mut file = store.open_compressed(layer.diff_id, form).unwrap()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    assert_eq!(Descriptor::of(&form.media_type, &bytes), *form);
    Some(bytes)
}

/// The only compressed form in the store.
fn path(scene: &Scene, layer: &StoredLayer, form: &Descriptor) -> PathBuf {
    let dir = format!("layers/{}", layer.diff_id.hex());
    let mut names = scene.names(&dir).into_iter();
    let own = names.find(|name| name.starts_with(&form.digest.hex()));
    scene.store.root().join(dir).join(own.unwrap())
}

#[test]
fn form_is_kept_as_long_as_its_layer() {
    let scene = Scene::new();
    let store = &scene.store;
    let image = build(store, "built", Some("built"));
    let (layer, form) = keep(store, &image);
    assert!(kept(store, &layer, &form).is_some());
    store.collect().unwrap();
    assert!(kept(store, &layer, &form).is_some());
    let other = Descriptor::of(&form.media_type, b"another form");
    assert!(kept(store, &layer, &other).is_none());

    store.untag(&name("built")).unwrap();
    store.collect().unwrap();
    assert!(kept(store, &layer, &form).is_none());
    assert_eq!(scene.names("layers").len(), 0);
}

#[test]
fn form_of_a_layer_that_was_never_unpacked_is_kept() {
    let scene = Scene::new();
    let store = &scene.store;
    let images = [composed(
        scene.temp.path(),
        &[("x", Packing::Plain)],
        &["x"],
    )];
    store.import(&mut archive(&images).as_slice()).unwrap();
    let image = store.find(&name("x")).unwrap().unwrap();
    let (layer, form) = keep(store, &image);
    assert!(kept(store, &layer, &form).is_some());
    // The layer can still be unpacked.
    assert_eq!(super::scene::trees(store, &image).len(), 1);
}

#[test]
fn prune_removes_forms_of_layers_that_stay() {
    let scene = Scene::new();
    let store = &scene.store;
    let image = build(store, "built", Some("built"));
    let (layer, form) = keep(store, &image);
    assert_eq!(store.prune().unwrap().bytes, form.size);
    assert!(kept(store, &layer, &form).is_none());
    super::scene::plain_layers(store, &image);
}

#[test]
fn form_is_verified_after_a_boot() {
    let scene = Scene::new();
    let image = build(&scene.store, "built", Some("built"));
    let (layer, form) = keep(&scene.store, &image);
    let next = scene.store.in_boot("next");
    assert!(kept(&next, &layer, &form).is_some());

    let file = path(&scene, &layer, &form);
    let mut bytes = fs::read(&file).unwrap();
    bytes[20] ^= 1;
    fs::write(&file, bytes).unwrap();
    let third = scene.store.in_boot("third");
    assert!(
        third
            .open_compressed(layer.diff_id, &form)
            .unwrap()
            .is_none()
    );
    assert!(!file.exists());
}

#[test]
fn cut_form_is_not_used() {
    let scene = Scene::new();
    let image = build(&scene.store, "built", Some("built"));
    let (layer, form) = keep(&scene.store, &image);
    fs::write(path(&scene, &layer, &form), "cut").unwrap();
    let opened = scene.store.open_compressed(layer.diff_id, &form).unwrap();
    assert!(opened.is_none());
}
