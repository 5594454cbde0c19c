//! What comes from registries.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    sync::mpsc,
    thread,
    time::Duration,
};

use s2i_core::bounds::{Limit, Limits};
use s2i_oci::{
    Digest,
    manifest::{
        CONFIG, DOCKER_CONFIG, DOCKER_LAYER_GZIP, DOCKER_MANIFEST, Descriptor, LAYER_GZIP, Manifest,
    },
    store::{Store, StoreError},
};

use super::{
    archives::{config, layer},
    scene::{Scene, chain, export, gzip, name, plain_layers},
};

/// An image as a registry sends it.
struct Remote {
    manifest: Vec<u8>,
    config: Vec<u8>,
    layer: Vec<u8>,
    descriptor: Descriptor,
}

impl Remote {
    fn new(content: &str) -> Self {
        Self::with(content, CONFIG, LAYER_GZIP, |_| {})
    }

    fn with(
        content: &str,
        config_type: &str,
        layer_type: &str,
        change: impl FnOnce(&mut Manifest),
    ) -> Self {
        let plain = layer(content);
        let layer = gzip(&plain);
        let config = config("amd64", &[&plain]).to_json();
        let descriptor = Descriptor::of(layer_type, &layer);
        let mut manifest = Manifest::new(
            Descriptor::of(config_type, &config),
            vec![descriptor.clone()],
        );
        change(&mut manifest);
        Self {
            manifest: serde_json::to_vec(&manifest).unwrap(),
            config,
            layer,
            descriptor,
        }
    }

    fn download(&self, store: &Store) {
        let work = store.work(&[]).unwrap();
        if let Some(partial) = store.partial(&work, &self.descriptor).unwrap() {
            fs::write(partial.path(), &self.layer).unwrap();
            partial.finish().unwrap();
        }
        // The work ends only when the image is published.
        std::mem::forget(work);
    }
}

/// A blob of which only the size matters.
fn sized(size: u64) -> Descriptor {
    Descriptor {
        size,
        ..Descriptor::of(LAYER_GZIP, &size.to_le_bytes())
    }
}

#[test]
fn layers_of_an_image_share_the_limit() {
    let scene = Scene::new();
    let store = scene.store.with_limits(Limits {
        bytes: 1000,
        ..Limits::default()
    });
    store.check_download(&[]).unwrap();
    store.check_download(&[sized(400), sized(600)]).unwrap();
    for sizes in [[400, 601], [u64::MAX, 1], [u64::MAX, u64::MAX]] {
        let err = store.check_download(&sizes.map(sized)).unwrap_err();
        assert_eq!(
            chain(&err),
            "the layers of the image have more than 1000 bytes"
        );
        assert_eq!(err.limit(), Some(Limit::Bytes));
    }
}

#[test]
fn huge_sizes_in_a_manifest_do_not_overflow() {
    let scene = Scene::new();
    let plain = [layer("a"), layer("b")];
    let config = config("amd64", &[&plain[0], &plain[1]]).to_json();
    let layers = plain.iter().map(|plain| {
        let packed = gzip(plain);
        let descriptor = Descriptor::of(LAYER_GZIP, &packed);
        let work = scene.store.work(&[]).unwrap();
        let partial = scene.store.partial(&work, &descriptor).unwrap().unwrap();
        fs::write(partial.path(), &packed).unwrap();
        partial.finish().unwrap();
        std::mem::forget(work);
        Descriptor {
            size: u64::MAX,
            ..descriptor
        }
    });
    let manifest = Manifest::new(Descriptor::of(CONFIG, &config), layers.collect());
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let stored = scene.store.publish_pulled(&manifest, &config, &name("app"));
    assert_eq!(stored.unwrap().size(), u64::MAX);
}

#[test]
fn image_is_pulled() {
    let scene = Scene::new();
    let store = &scene.store;
    for remote in [
        Remote::new("a"),
        Remote::with("b", DOCKER_CONFIG, DOCKER_LAYER_GZIP, |manifest| {
            manifest.media_type = DOCKER_MANIFEST.into();
        }),
        Remote::with("c", CONFIG, LAYER_GZIP, |manifest| {
            manifest.media_type.clear();
        }),
    ] {
        remote.download(store);
        let tag = name("registry.example/a:1");
        let image = store
            .publish_pulled(&remote.manifest, &remote.config, &tag)
            .unwrap();
        assert_eq!(image.id(), Digest::of(&remote.config));
        assert_eq!(image.manifest_digest(), Digest::of(&remote.manifest));
        assert_eq!(store.find(&tag).unwrap(), Some(image.clone()));
        assert_eq!(image.names(), [tag]);
        assert!(store.has_blob(remote.descriptor.digest));
        plain_layers(store, &image);
        // Its manifest and config stay as they are on every way.
        let other = scene.other();
        other
            .import(&mut export(store, &[&image]).as_slice())
            .unwrap();
        let same = other.find_id(image.id()).unwrap().unwrap();
        assert_eq!(same.manifest_digest(), image.manifest_digest());
    }
    assert_eq!(scene.names("partial").len(), 0);
}

#[test]
fn image_is_found_by_the_digest_of_its_index() {
    let scene = Scene::new();
    let remote = Remote::new("a");
    remote.download(&scene.store);
    let tag = format!("registry.example/a@{}", Digest::of(b"an index"));
    let publish = |tag| {
        scene
            .store
            .publish_pulled(&remote.manifest, &remote.config, &name(tag))
    };
    let image = publish(&tag).unwrap();
    let tagged = tag.replace("/a@", "/a:1@");
    for text in [&tag, &tagged] {
        assert_eq!(
            scene.store.find(&name(text)).unwrap().as_ref(),
            Some(&image)
        );
    }
    let other = tag.replace("/a@", "/b@");
    assert_eq!(scene.store.find(&name(&other)).unwrap(), None);
}

#[test]
fn partial_download_is_resumed() {
    let scene = Scene::new();
    let remote = Remote::new("a");
    let (start, rest) = remote.layer.split_at(20);
    let begin = || {
        let work = scene.store.work(&[]).unwrap();
        let partial = scene.store.partial(&work, &remote.descriptor).unwrap();
        (partial.unwrap(), work)
    };
    let (partial, _work) = begin();
    fs::write(partial.path(), start).unwrap();
    drop(partial);
    // Opening the store does no harm to it.
    Store::open(scene.store.root()).unwrap();
    let (partial, _work) = begin();
    assert_eq!(fs::read(partial.path()).unwrap(), start);
    let mut file = OpenOptions::new()
        .append(true)
        .open(partial.path())
        .unwrap();
    file.write_all(rest).unwrap();
    partial.finish().unwrap();
    assert!(scene.store.has_blob(remote.descriptor.digest));
    let work = scene.store.work(&[]).unwrap();
    assert!(
        scene
            .store
            .partial(&work, &remote.descriptor)
            .unwrap()
            .is_none()
    );
}

#[test]
fn download_with_a_wrong_digest_is_removed() {
    let scene = Scene::new();
    let remote = Remote::new("a");
    let work = scene.store.work(&[]).unwrap();
    let begin = || {
        scene
            .store
            .partial(&work, &remote.descriptor)
            .unwrap()
            .unwrap()
    };
    let (digest, size) = (remote.descriptor.digest, remote.layer.len());
    let mut wrong = remote.layer.clone();
    wrong[size - 1] ^= 1;
    for content in [&wrong[..], &wrong[..size - 1], b""] {
        let partial = begin();
        fs::write(partial.path(), content).unwrap();
        let path = partial.path().to_owned();
        let err = partial.finish().unwrap_err();
        let expected = format!(
            "the downloaded blob has the digest {} and {} bytes, but {digest} was expected",
            Digest::of(content),
            content.len()
        );
        assert_eq!(chain(&err), expected);
        assert!(!path.exists());
    }
    // More than it can be is nothing to go on with.
    let partial = begin();
    fs::write(partial.path(), [&wrong[..], b"x"].concat()).unwrap();
    drop(partial);
    assert_eq!(fs::read(begin().path()).unwrap(), b"");
    assert!(!scene.store.has_blob(digest));
}

#[test]
fn blob_is_downloaded_by_one_process() {
    let scene = Scene::new();
    let remote = Remote::new("a");
    let (store, blob) = (&scene.store, &remote.descriptor);
    let work = store.work(&[]).unwrap();
    let first = store.partial(&work, blob).unwrap().unwrap();
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let work = store.work(&[]).unwrap();
            sender
                .send(store.partial(&work, blob).unwrap().is_none())
                .unwrap();
        });
        receiver
            .recv_timeout(Duration::from_millis(200))
            .unwrap_err();
        // Nor is it removed while it is being written.
        store.prune().unwrap();
        fs::write(first.path(), &remote.layer).unwrap();
        first.finish().unwrap();
        let is_there = receiver.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(is_there, "the second one began again");
    });

    // The second one goes on when the first one gives up, and when the file went meanwhile.
    let other = Remote::new("b");
    let first = store.partial(&work, &other.descriptor).unwrap().unwrap();
    fs::write(first.path(), "gone").unwrap();
    thread::scope(|scope| {
        let second = scope.spawn(|| {
            let partial = store.partial(&work, &other.descriptor).unwrap().unwrap();
            fs::read(partial.path()).unwrap()
        });
        thread::sleep(Duration::from_millis(100));
        fs::remove_file(first.path()).unwrap();
        drop(first);
        assert_eq!(second.join().unwrap(), b"");
    });
    store.prune().unwrap();
    assert_eq!(scene.names("partial").len(), 0);
}

#[test]
fn downloaded_blob_is_kept_until_it_is_published() {
    let scene = Scene::new();
    let store = &scene.store;
    let remote = Remote::new("a");
    let work = store.work(&[]).unwrap();
    let partial = store.partial(&work, &remote.descriptor).unwrap().unwrap();
    fs::write(partial.path(), &remote.layer).unwrap();
    partial.finish().unwrap();
    store.prune().unwrap();
    let image = store
        .publish_pulled(&remote.manifest, &remote.config, &name("a"))
        .unwrap();
    drop(work);
    store.prune().unwrap();
    plain_layers(store, &image);

    // Without the work it goes.
    store.untag(&name("a")).unwrap();
    store.collect().unwrap();
    assert!(!store.has_blob(remote.descriptor.digest));
    let err = store
        .publish_pulled(&remote.manifest, &remote.config, &name("a"))
        .unwrap_err();
    assert!(matches!(err, StoreError::NoLayer(_)), "{err:?}");
    assert!(store.list().unwrap().is_empty());
}

#[test]
fn inconsistent_manifest_and_config_are_refused() {
    let scene = Scene::new();
    let refused = |manifest: &[u8], config: &[u8]| {
        let err = scene
            .store
            .publish_pulled(manifest, config, &name("a"))
            .unwrap_err();
        assert_eq!(scene.names("blobs/sha256").len(), 1);
        chain(&err)
    };
    let remote = Remote::new("a");
    remote.download(&scene.store);
    let other = Remote::new("b");
    let text = refused(&remote.manifest, &other.config);
    assert!(text.starts_with("the config has the digest "), "{text}");
    let more = Remote::with("a", CONFIG, LAYER_GZIP, |manifest| {
        manifest.layers.push(remote.descriptor.clone());
    });
    let text = refused(&more.manifest, &more.config);
    let expected = "the image is inconsistent: its manifest has 2 layers, but its config 1";
    assert_eq!(text, expected);
    let text = refused(b"{}", b"{}");
    assert!(text.contains("can't be read: missing field"), "{text}");
    let list = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json"}"#;
    let text = refused(list, b"{}");
    assert!(text.ends_with("which is not that of an image"), "{text}");
}
