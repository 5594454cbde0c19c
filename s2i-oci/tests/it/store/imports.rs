//! Archives from everywhere.

use std::io::{self, Read};

use s2i_core::image::Platform;
use s2i_oci::{
    Digest,
    manifest::{CONFIG, Descriptor, IMAGE_NAME, LAYER, MANIFEST, Manifest, REF_NAME},
    store::{Loaded, Store, StoreError},
};
use tar::{EntryType, Header};

use super::{
    archives::{Layout, Tar, config, docker_archive, layer, named},
    scene::{Packing, Scene, archive, chain, composed, gzip, name, names, plain_layers, zstd},
};

fn import(store: &Store, mut archive: &[u8]) -> Result<Vec<Loaded>, StoreError> {
    store.import(&mut archive)
}

fn loaded(store: &Store, archive: &[u8]) -> Vec<String> {
    let loaded = import(store, archive).unwrap_or_else(|err| panic!("{}", chain(&err)));
    let show = |loaded: &Loaded| {
        let image = store.find_id(loaded.id).unwrap().unwrap();
        plain_layers(store, &image);
        for name in &loaded.names {
            assert_eq!(store.find(name).unwrap().unwrap().id(), loaded.id);
        }
        let names: Vec<_> = loaded.names.iter().map(ToString::to_string).collect();
        format!(
            "{}: {}",
            image.config().platform.architecture,
            names.join(" ")
        )
    };
    assert_eq!(names(store, "work").len(), 0);
    loaded.iter().map(show).collect()
}

#[test]
fn archives_of_docker_are_imported() {
    let scene = Scene::new();
    let (base, app) = (layer("base"), layer("app"));
    let one = config("amd64", &[&base]);
    let two = config("arm64", &[&base, &app]);
    let layers = [base.clone(), app.clone()];
    let archive = docker_archive(&[
        (&one, &[], &layers[..1]),
        (&two, &["app:1", "s2i/app"], &layers),
    ]);
    for archive in [archive.clone(), gzip(&archive), zstd(&archive)] {
        assert_eq!(
            loaded(&scene.store, &archive),
            ["amd64: ", "arm64: app:1 s2i/app"]
        );
    }
    assert_eq!(scene.store.list().unwrap().len(), 2);
    // Three layers would be one too many.
    assert_eq!(scene.names("blobs/sha256").len(), 2 + 2 + 2);
    let image = scene.store.find(&name("s2i/app")).unwrap().unwrap();
    assert_eq!(image.id(), Digest::of(&two.to_json()));
    assert_eq!(plain_layers(&scene.store, &image), [base, app]);
}

/// The archive as `tar --format=v7` writes it.
fn as_v7(mut archive: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while archive[at..at + 512].iter().any(|byte| *byte != 0) {
        let block = &mut archive[at..at + 512];
        let mut header = Header::new_old();
        header.as_mut_bytes().copy_from_slice(block);
        header.as_mut_bytes()[257..265].fill(0);
        header.set_cksum();
        block.copy_from_slice(header.as_bytes());
        at += 512 + usize::try_from(header.size().unwrap().next_multiple_of(512)).unwrap();
    }
    archive
}

#[test]
fn archives_in_the_v7_format_are_imported() {
    let scene = Scene::new();
    let base = layer("base");
    let one = config("amd64", &[&base]);
    let archive = docker_archive(&[(&one, &["app"], std::slice::from_ref(&base))]);
    assert_eq!(loaded(&scene.store, &as_v7(archive)), ["amd64: app"]);
}

/// The label of `tar --label` comes first, and has neither a magic nor a size.
#[test]
fn labels_of_archives_are_ignored() {
    let scene = Scene::new();
    let base = layer("base");
    let one = config("amd64", &[&base]);
    let archive = docker_archive(&[(&one, &["app"], std::slice::from_ref(&base))]);
    let mut label = Header::new_old();
    label.as_mut_bytes().fill(0);
    label.as_mut_bytes()[..5].copy_from_slice(b"LABEL");
    label.set_mtime(1000);
    label.set_entry_type(EntryType::new(b'V'));
    label.set_cksum();
    let archive = [&label.as_bytes()[..], &archive].concat();
    assert_eq!(loaded(&scene.store, &archive), ["amd64: app"]);
}

#[test]
fn linked_and_compressed_layers_are_imported() {
    let scene = Scene::new();
    let (a, b, c) = (layer("a"), layer("b"), layer("c"));
    let json = config("amd64", &[&a, &b, &a, &c]).to_json();
    let manifest = br#"[{"Config":"./config.json","RepoTags":null,
        "Layers":["1/layer.tar","2/layer.tar","3/layer.tar","4/./layer.tar"]}]"#;
    let archive = Tar::default()
        .file("manifest.json", manifest)
        .link(
            EntryType::Symlink,
            "3/layer.tar",
            "../elsewhere/../1/layer.tar",
        )
        .link(EntryType::Link, "4/layer.tar", "./c")
        .link(EntryType::Symlink, "unused", "/etc/passwd")
        .file("1/layer.tar", &a)
        .file("2/layer.tar", &gzip(&b))
        .file("./c", &zstd(&c))
        .file("./config.json", &json)
        .end();
    assert_eq!(loaded(&scene.store, &archive), ["amd64: "]);
    let image = &scene.store.list().unwrap()[0];
    assert_eq!(plain_layers(&scene.store, image), [a.clone(), b, a, c]);
    let types: Vec<_> = image
        .layers()
        .map(|layer| layer.descriptor.media_type)
        .collect();
    let oci = "application/vnd.oci.image.layer.v1.tar";
    let kinds = ["", "+gzip", "", "+zstd"].map(|kind| format!("{oci}{kind}"));
    assert_eq!(types, kinds);
}

#[test]
fn oci_layouts_are_imported() {
    let scene = Scene::new();
    let mut layout = Layout::default();
    let one = layout.image("amd64", "one");
    let two = layout.image("arm64", "two");
    let three = layout.image("arm64", "three");
    let archive = layout.end(vec![
        named(one.clone(), IMAGE_NAME, "docker.io/library/one:1"),
        named(named(one, REF_NAME, "ignored/ref"), IMAGE_NAME, "uno"),
        named(two, REF_NAME, "registry.example/two:2"),
        named(three, REF_NAME, "only-a-tag"),
    ]);
    let mut found = loaded(&scene.store, &archive);
    found.sort();
    let expected = [
        "amd64: docker.io/library/one:1 docker.io/library/uno:latest",
        "arm64: ",
        "arm64: registry.example/two:2",
    ];
    assert_eq!(found, expected);
}

#[test]
fn image_for_this_platform_is_imported() {
    let own = Platform::of_this_machine().architecture;
    let other = if own == "arm64" { "amd64" } else { "arm64" };
    let build = |architectures: &[&str], is_lacking: &dyn Fn(&str) -> bool| {
        let mut layout = Layout::default();
        let mut manifests = Vec::new();
        for architecture in architectures {
            let mut other = Layout::default();
            let into = if is_lacking(architecture) {
                &mut other
            } else {
                &mut layout
            };
            manifests.push(into.image(architecture, architecture));
        }
        // An entry about an image is not an image.
        let mut attestation = layout.image("unknown", "attestation");
        attestation.platform = Some(Platform {
            os: "unknown".into(),
            ..Platform::linux("unknown")
        });
        manifests.push(attestation);
        (layout, manifests)
    };
    let nested = |architectures: &[&str], is_lacking: &dyn Fn(&str) -> bool| {
        let (mut layout, manifests) = build(architectures, is_lacking);
        let index = layout.index(manifests);
        let index = layout.index(vec![index]);
        layout.end(vec![named(index, IMAGE_NAME, "app")])
    };
    let all = |_: &str| false;
    let check = |archive: &[u8], expected: &str| {
        let scene = Scene::new();
        assert_eq!(
            loaded(&scene.store, archive),
            [format!("{expected}: docker.io/library/app:latest")]
        );
        assert_eq!(scene.names("blobs/sha256").len(), 3);
    };
    check(&nested(&["386", other, &own], &all), &own);
    // One that lacks the others, and one that has no other.
    check(&nested(&["386", other, &own], &|a| a != other), other);
    check(&nested(&[other], &all), other);
    // Several images of one name, without an index for it.
    let (layout, manifests) = build(&[other, &own], &all);
    let manifests = manifests.into_iter().map(|m| named(m, IMAGE_NAME, "app"));
    check(&layout.end(manifests.collect()), &own);

    let scene = Scene::new();
    let err = import(&scene.store, &nested(&["386", other], &all)).unwrap_err();
    assert_eq!(
        err.to_string(),
        format!("the archive has an image for linux/386, linux/{other}, but none for linux/{own}")
    );
}

#[test]
fn own_archives_are_imported_unchanged() {
    let scene = Scene::new();
    let dir = scene.temp.path();
    let base = ("base", Packing::Plain);
    let images = [
        composed(dir, &[base], &["s2i/base:1", "s2i/base"]),
        composed(
            dir,
            &[base, ("app", Packing::Gzip), ("zstd", Packing::Zstd)],
            &["app"],
        ),
    ];
    loaded(&scene.store, &archive(&images));
    for image in &images {
        for name in &image.names {
            let found = scene.store.find(name).unwrap().unwrap();
            assert_eq!(found.id(), image.id());
            assert_eq!(*found.manifest(), image.manifest());
            assert_eq!(found.config(), image.config());
            assert_eq!(found.names().len(), image.names.len());
        }
    }
}

/// A pipe gives what it has, and nothing twice.
struct Pipe<'a>(&'a [u8]);

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.0.len().min(buffer.len()).min(7);
        (&mut self.0).take(most as u64).read(buffer)
    }
}

#[test]
fn archives_are_read_to_the_end_in_any_pieces() {
    let scene = Scene::new();
    let content = layer("a");
    let mut archive = docker_archive(&[(&config("amd64", &[&content]), &["a"], &[content])]);
    archive.extend([0; 10_240]);
    let mut pipe = Pipe(&archive);
    scene.store.import(&mut pipe).unwrap();
    assert_eq!(pipe.0, b"");
    assert!(scene.store.find(&name("a")).unwrap().is_some());
}

#[test]
fn archive_may_omit_stored_layers() {
    let scene = Scene::new();
    let (base, app) = (layer("base"), layer("app"));
    let mut layout = Layout::default();
    let config = layout.blob(CONFIG, &config("amd64", &[&base, &app]).to_json());
    let layers = vec![Descriptor::of(LAYER, &base), layout.blob(LAYER, &app)];
    let manifest = layout.json(MANIFEST, &Manifest::new(config, layers));
    let archive = layout.end(vec![named(manifest, IMAGE_NAME, "app")]);
    let err = import(&scene.store, &archive).unwrap_err();
    assert!(
        matches!(err, StoreError::NoLayer(digest) if digest == Digest::of(&base)),
        "{err:?}"
    );
    let of_base = docker_archive(&[(&self::config("amd64", &[&base]), &[], &[base])]);
    loaded(&scene.store, &of_base);
    loaded(&scene.store, &archive);
}
