//! Images and their names.

use s2i_core::image::{ImageConfig, Platform};
use s2i_oci::{
    manifest::{LAYER, LAYER_GZIP, MANIFEST},
    store::{LayerSource, NewImage, Store, StoreError, StoredImage},
};

use super::scene::{Packing, Scene, archive, build, build_on, chain, composed, name, plain_layers};

fn shown(images: &[StoredImage]) -> Vec<String> {
    let show = |image: &StoredImage| {
        let names: Vec<_> = image.names().iter().map(ToString::to_string).collect();
        format!("{} {}", &image.id().hex()[..12], names.join(" "))
    };
    images.iter().map(show).collect()
}

#[test]
fn published_image_is_found() {
    let scene = Scene::new();
    let base = build(&scene.store, "base", Some("s2i/base"));
    let app = build_on(&scene.store, Some(&base), "app", Some("app:1")).unwrap();
    assert_eq!(app.layers().len(), 2);
    assert_eq!(app.layers().next(), base.layers().next());
    assert_eq!(app.manifest().media_type, MANIFEST);
    assert_eq!(app.manifest().layers[1].media_type, LAYER);
    assert_eq!(app.config().rootfs.diff_ids.len(), 2);
    assert_eq!(app.names(), [name("docker.io/library/app:1")]);
    let layers = plain_layers(&scene.store, &app);
    assert_eq!(
        app.size(),
        layers.iter().map(|layer| layer.len() as u64).sum::<u64>()
    );
    assert_eq!(scene.names("work").len(), 0);

    let found = |text: &str| scene.store.find(&name(text)).unwrap();
    let (id, manifest) = (app.id(), app.manifest_digest());
    for text in [
        "app:1",
        "docker.io/library/app:1",
        "index.docker.io/library/app:1",
        &id.to_string(),
        &id.hex(),
        &id.hex()[..12],
        &format!("sha256:{}", &id.hex()[..20]),
        &format!("app@{id}"),
        &format!("app:1@{manifest}"),
        &format!("whatever@{manifest}"),
    ] {
        assert_eq!(found(text).as_ref(), Some(&app), "{text}");
    }
    for text in [
        "app",
        "app:2",
        "s2i/base:1",
        &id.hex()[..11],
        &format!("app@sha256:{}", "0".repeat(64)),
        &"0".repeat(12),
    ] {
        assert_eq!(found(text), None, "{text}");
    }
    assert_eq!(scene.store.find_id(id).unwrap(), Some(app));
    assert_eq!(scene.store.find_id(manifest).unwrap(), None);
}

#[test]
fn ids_take_precedence_over_names() {
    let scene = Scene::new();
    let real = build(&scene.store, "real", Some("real"));
    let fake = build(&scene.store, "fake", None);
    let id = real.id();
    for text in [id.to_string(), id.hex(), id.hex()[..12].into()] {
        scene.store.tag(&fake, &name(&text)).unwrap();
        assert_eq!(
            scene.store.find(&name(&text)).unwrap().unwrap().id(),
            id,
            "{text}"
        );
    }
    let gone = "a".repeat(64);
    scene.store.tag(&fake, &name(&gone)).unwrap();
    assert_eq!(scene.store.find(&name(&gone)).unwrap(), None);
    let short = "b".repeat(12);
    scene.store.tag(&fake, &name(&short)).unwrap();
    assert_eq!(
        scene.store.find(&name(&short)).unwrap().unwrap().id(),
        fake.id()
    );
}

/// Two images whose ids start with the same twelve digits can't be made, so the index lists two such
/// that exist.
#[test]
fn start_of_two_ids_is_ambiguous() {
    let scene = Scene::new();
    let one = build(&scene.store, "one", Some("one"));
    let two = build(&scene.store, "two", Some("two"));
    let index = scene.store.root().join("index.json");
    let text = std::fs::read_to_string(&index).unwrap();
    let twin = format!("{}{}", &one.id().hex()[..20], &two.id().hex()[20..]);
    std::fs::write(&index, text.replace(&two.id().hex(), &twin)).unwrap();
    let start = &one.id().hex()[..12];
    let err = scene.store.find(&name(start)).unwrap_err();
    let expected = format!("`{start}` is the start of the ids of 2 images");
    assert_eq!(err.to_string(), expected);
    let found = scene.store.find(&name(&one.id().hex()[..21])).unwrap();
    assert_eq!(found, Some(one));
}

#[test]
fn names_are_moved_and_removed() {
    let scene = Scene::new();
    let store = &scene.store;
    let one = build(store, "one", Some("name"));
    store.tag(&one, &name("second:v1")).unwrap();
    let both = store.find(&name("name")).unwrap().unwrap();
    assert_eq!(
        both.names(),
        [
            name("docker.io/library/name:latest"),
            name("docker.io/library/second:v1")
        ]
    );

    // Another image takes a name over; the first one keeps the other.
    let two = build(store, "two", Some("name:latest"));
    let one = store.find_id(one.id()).unwrap().unwrap();
    assert_eq!(one.names(), [name("docker.io/library/second:v1")]);
    assert_eq!(store.find(&name("name")).unwrap(), Some(two.clone()));

    // Without a name it is listed once, until it gets one.
    let three = build(store, "three", None);
    assert_eq!(build(store, "three", None), three);
    let id = |image: &StoredImage| image.id().hex()[..12].to_owned();
    assert_eq!(
        shown(&store.list().unwrap()),
        [
            format!("{} docker.io/library/name:latest", id(&two)),
            format!("{} docker.io/library/second:v1", id(&one)),
            format!("{} ", id(&three)),
        ]
    );
    store.tag(&three, &name("third")).unwrap();
    assert_eq!(store.list().unwrap().len(), 3);
    assert!(store.untag(&name("third")).unwrap());
    assert!(!store.untag(&name("third")).unwrap());
    assert_eq!(store.find_id(three.id()).unwrap(), None);

    // It is gone from the list, but not from the disk, so it can be named again.
    store.tag(&three, &name("third")).unwrap();
    store.tag(&three, &name("again")).unwrap();
    assert_eq!(
        store.remove_id(three.id()).unwrap(),
        [
            "docker.io/library/again:latest",
            "docker.io/library/third:latest"
        ]
    );
    assert_eq!(store.remove_id(three.id()).unwrap(), [""; 0]);
    store.collect().unwrap();
    let err = store.tag(&three, &name("third")).unwrap_err();
    assert!(matches!(err, StoreError::Gone(gone) if gone == three.id()));
}

#[test]
fn names_with_a_digest_are_refused() {
    let scene = Scene::new();
    let image = build(&scene.store, "one", Some("one"));
    let digest = format!("one@{}", image.manifest_digest());
    let expected =
        format!("`{digest}` has a digest, but an image can only be given a name with a tag");
    let err = scene.store.tag(&image, &name(&digest)).unwrap_err();
    assert_eq!(err.to_string(), expected);
    let err = build_on(&scene.store, None, "two", Some(&digest)).unwrap_err();
    assert_eq!(err.to_string(), expected);
}

#[test]
fn inconsistent_images_are_refused() {
    let scene = Scene::new();
    let store = &scene.store;
    let base = build(store, "base", Some("base"));
    let layers = || base.layers().map(LayerSource::Stored).collect();
    let publish = |config, layers| {
        store
            .publish(NewImage { config, layers }, None)
            .unwrap_err()
    };
    let empty = ImageConfig::new(Platform::linux("amd64"));
    let expected = "the image is inconsistent: its config names other layers";
    assert_eq!(publish(empty.clone(), layers()).to_string(), expected);
    assert_eq!(
        publish(base.config().clone(), Vec::new()).to_string(),
        expected
    );
    store.remove_id(base.id()).unwrap();
    store.collect().unwrap();
    let err = publish(base.config().clone(), layers());
    assert!(matches!(err, StoreError::NoLayer(_)), "{err:?}");
    // An image without layers is one.
    store
        .publish(
            NewImage {
                config: empty,
                layers: Vec::new(),
            },
            None,
        )
        .unwrap();
}

#[test]
fn stored_layers_keep_their_bytes_and_get_oci_types() {
    let scene = Scene::new();
    let dir = scene.temp.path();
    let images = [composed(dir, &[("a", Packing::Gzip)], &["base"])];
    // Docker's media types instead of OCI's, with the digests that follow from that.
    let text = archive(&images);
    scene.store.import(&mut text.as_slice()).unwrap();
    let base = scene.store.find(&name("base")).unwrap().unwrap();
    let mut layers: Vec<_> = base.layers().collect();
    layers[0].descriptor.media_type = "application/vnd.docker.image.rootfs.diff.tar.gzip".into();
    let new = NewImage {
        config: base.config().clone(),
        layers: layers.into_iter().map(LayerSource::Stored).collect(),
    };
    let image = scene.store.publish(new, Some(&name("new"))).unwrap();
    assert_eq!(image.id(), base.id());
    assert_eq!(image.manifest().layers[0].media_type, LAYER_GZIP);
    assert_eq!(image.manifest_digest(), base.manifest_digest());
    assert_eq!(image.names().len(), 2);
}

#[test]
fn damaged_image_is_named_and_can_be_removed() {
    let scene = Scene::new();
    let store = &scene.store;
    let good = build(store, "good", Some("good"));
    let bad = build(store, "bad", Some("bad"));
    let manifest = store
        .root()
        .join("blobs/sha256")
        .join(bad.manifest_digest().hex());
    std::fs::write(&manifest, "{}").unwrap();
    let expected = format!("{} is damaged: it has another digest", manifest.display());
    let fails = |err: StoreError| assert_eq!(chain(&err), expected);
    fails(store.find(&name("bad")).unwrap_err());
    fails(store.list().unwrap_err());
    fails(store.collect().unwrap_err());
    assert_eq!(store.find(&name("good")).unwrap(), Some(good.clone()));
    assert!(store.untag(&name("bad")).unwrap());
    store.collect().unwrap();
    assert_eq!(store.list().unwrap(), [good]);
    assert!(!manifest.exists());

    std::fs::write(store.root().join("index.json"), "{").unwrap();
    let err = store.list().unwrap_err();
    assert!(matches!(err, StoreError::Damaged { .. }), "{err:?}");
}

#[test]
fn store_can_move_between_threads() {
    fn check<T: Clone + Send + Sync + std::fmt::Debug>() {}
    check::<Store>();
}
