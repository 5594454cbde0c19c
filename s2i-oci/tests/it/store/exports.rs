//! Archives for others.

use std::{
    cell::Cell,
    collections::BTreeMap,
    io::{self, Read, Write},
};

use s2i_oci::{
    Digest,
    manifest::Index,
    store::{Store, StoreError, StoredImage, StoredLayer},
};

use super::scene::{
    Packing, Scene, archive, build, build_on, chain, composed, export, name, plain_layers,
};

fn unpack(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.path().unwrap().display().to_string(), bytes)
    });
    entries.collect()
}

/// An image of layers of all kinds, one of which was built here.
fn image(scene: &Scene) -> StoredImage {
    let layers = [
        ("plain", Packing::Plain),
        ("gzip", Packing::Gzip),
        ("zstd", Packing::Zstd),
    ];
    let images = [composed(scene.temp.path(), &layers, &["base"])];
    scene
        .store
        .import(&mut archive(&images).as_slice())
        .unwrap();
    let base = scene.store.find(&name("base")).unwrap().unwrap();
    build_on(&scene.store, Some(&base), "built", Some("app:1")).unwrap()
}

#[test]
fn export_and_import_keep_images() {
    let scene = Scene::new();
    let app = image(&scene);
    scene.store.tag(&app, &name("other/name")).unwrap();
    let app = scene.store.find_id(app.id()).unwrap().unwrap();
    let base = scene.store.find(&name("base")).unwrap().unwrap();
    let bytes = export(&scene.store, &[&app, &base]);
    assert!(
        bytes == export(&scene.store, &[&app, &base]),
        "two exports differ"
    );

    let other = scene.other();
    other.import(&mut bytes.as_slice()).unwrap();
    assert_eq!(other.list().unwrap(), scene.store.list().unwrap());
    for image in [&app, &base] {
        let found = other.find_id(image.id()).unwrap().unwrap();
        assert_eq!(
            plain_layers(&other, &found),
            plain_layers(&scene.store, image)
        );
    }
    // Also when only what Docker looks at is there.
    let mut docker = tar::Builder::new(Vec::new());
    for (name, content) in unpack(&bytes) {
        if name != "index.json" && !name.ends_with('/') {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            docker
                .append_data(&mut header, name, content.as_slice())
                .unwrap();
        }
    }
    let third = Store::open(&scene.temp.path().join("third")).unwrap();
    third
        .import(&mut docker.into_inner().unwrap().as_slice())
        .unwrap();
    let ids = |store: &Store| -> Vec<_> {
        let images = store.list().unwrap();
        images
            .iter()
            .map(|image| (image.id(), image.names().to_vec()))
            .collect()
    };
    assert_eq!(ids(&third), ids(&scene.store));
}

#[test]
fn archive_has_both_formats() {
    let scene = Scene::new();
    let app = image(&scene);
    let files = unpack(&export(&scene.store, &[&app]));
    for (name, bytes) in files.iter().filter(|(name, _)| name.len() > 64) {
        assert_eq!(*name, format!("blobs/sha256/{}", Digest::of(bytes).hex()));
    }
    let index: Index = serde_json::from_slice(&files["index.json"]).unwrap();
    assert_eq!(index.manifests.len(), 1);
    assert_eq!(index.manifests[0].digest, app.manifest_digest());
    let docker: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    assert_eq!(
        docker[0]["RepoTags"],
        serde_json::json!(["docker.io/library/app:1"])
    );
    assert_eq!(docker[0]["Layers"].as_array().unwrap().len(), 4);
    assert!(files.contains_key(docker[0]["Config"].as_str().unwrap()));
}

#[test]
fn lower_layers_can_be_omitted() {
    let scene = Scene::new();
    let app = image(&scene);
    let base = scene.store.find(&name("base")).unwrap().unwrap();
    let export = |images: &[&StoredImage], has: &dyn Fn(&StoredLayer) -> bool| {
        let images: Vec<_> = images
            .iter()
            .map(|image| (*image, image.names().to_vec()))
            .collect();
        let mut bytes = Vec::new();
        scene.store.export(&images, has, &mut bytes).unwrap();
        bytes
    };
    let diff_ids = &app.config().rootfs.diff_ids;
    let count = |archive: &[u8]| {
        unpack(archive)
            .keys()
            .filter(|name| name.len() > 64)
            .count()
    };
    let all = count(&export(&[&app], &|_| false));
    assert_eq!(all, 2 + 4);
    assert_eq!(
        count(&export(&[&app], &|layer| diff_ids[..3].contains(&layer.diff_id))),
        2 + 1
    );
    // One above what is missing can't be used.
    assert_eq!(
        count(&export(&[&app], &|layer| diff_ids[1..].contains(&layer.diff_id))),
        all
    );
    // The layers of one image are complete, those of the other are not.
    let top = build_on(&scene.store, None, "built", None).unwrap();
    assert_eq!(top.config().rootfs.diff_ids, diff_ids[3..]);
    let both = export(&[&app, &top], &|layer| layer.diff_id == diff_ids[3]);
    assert_eq!(count(&both), 2 + 2 + 4);

    let other = scene.other();
    other
        .import(&mut export(&[&base], &|_| false).as_slice())
        .unwrap();
    let rest = export(&[&app], &|layer| diff_ids[..3].contains(&layer.diff_id));
    other.import(&mut rest.as_slice()).unwrap();
    assert_eq!(other.find(&name("app:1")).unwrap().unwrap().id(), app.id());
}

/// Takes so many bytes.
struct Short<'a>(&'a Cell<usize>);

impl Write for Short<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.0.get();
        if left == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let most = left.min(bytes.len());
        self.0.set(left - most);
        Ok(most)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn failed_output_differs_from_a_damaged_store() {
    let scene = Scene::new();
    let app = image(&scene);
    let whole = export(&scene.store, &[&app]).len();
    for most in (0..whole).step_by(300) {
        let left = Cell::new(most);
        let images = [(&app, Vec::new())];
        let err = scene
            .store
            .export(&images, &|_| false, &mut Short(&left))
            .unwrap_err();
        let is_output = matches!(err, StoreError::Export(_) | StoreError::Write { .. });
        assert!(is_output, "{err:?}");
        assert!(!err.is_full());
    }
}

#[test]
fn damaged_images_are_not_exported() {
    let scene = Scene::new();
    let image = build(&scene.store, "a", Some("a"));
    let fails = |names: &[&str]| {
        let names = names.iter().map(|text| name(text)).collect();
        let mut out = Vec::new();
        let done = scene.store.export(&[(&image, names)], &|_| false, &mut out);
        chain(&done.unwrap_err())
    };
    assert_eq!(
        fails(&["b", "docker.io/library/b:latest"]),
        "two images in one archive have the name `docker.io/library/b:latest`"
    );
    let tree = super::scene::trees(&scene.store, &image).remove(0);
    // Longer, shorter, and of the same length.
    for content in [
        "longer than before and more than a block: "
            .repeat(50)
            .as_str(),
        "",
        "b",
    ] {
        std::fs::write(tree.join("file"), content).unwrap();
        let text = fails(&["b"]);
        assert!(
            text.ends_with("its files are not those of the layer any more"),
            "{text}"
        );
    }
    scene.store.remove_id(image.id()).unwrap();
    scene.store.collect().unwrap();
    let expected = format!("the image {} is not in the store any more", image.id());
    assert_eq!(fails(&["b"]), expected);
}
