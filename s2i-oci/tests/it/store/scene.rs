//! A store in a temporary directory, and images to put into it.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::SystemTime,
};

use flate2::{Compression, write::GzEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use s2i_core::{
    ImageRef, Times,
    image::{ImageConfig, Platform},
};
use s2i_oci::{
    Blob, Digest, Image,
    layer::{LayerBuilder, Owner},
    manifest::{Descriptor, LAYER_ZSTD},
    overlay::Clamp,
    store::{LayerSource, NewImage, Store, StoreError, StoredImage},
};
use tempfile::TempDir;

pub(crate) use crate::common::{chain, is_skipped};
use crate::scratch;

pub(crate) struct Scene {
    pub(crate) temp: TempDir,
    pub(crate) store: Store,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let temp = scratch::dir();
        let store = Store::open(&temp.path().join("store")).unwrap();
        Self { temp, store }
    }

    /// A second store beside it.
    pub(crate) fn other(&self) -> Store {
        Store::open(&self.temp.path().join("other")).unwrap()
    }

    /// The names in one of the store's directories.
    pub(crate) fn names(&self, place: &str) -> BTreeSet<String> {
        names(&self.store, place)
    }
}

pub(crate) fn names(store: &Store, place: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(store.root().join(place)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

pub(crate) fn name(text: &str) -> ImageRef {
    text.parse().unwrap()
}

/// The time that gives the same files the same layer.
pub(crate) const CLAMP: Clamp = Clamp {
    after: SystemTime::UNIX_EPOCH,
    times: Times {
        new: 7,
        latest: None,
    },
};

/// Builds an image of one layer on others, with one file of this content.
pub(crate) fn build_on(
    store: &Store,
    base: Option<&StoredImage>,
    content: &str,
    tag: Option<&str>,
) -> Result<StoredImage, StoreError> {
    let work = store.work(base.as_slice())?;
    let tree = work.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), content).unwrap();
    let layer = store.adopt(&tree, Some(&CLAMP))?;
    let mut config = match base {
        Some(base) => base.config().clone(),
        None => ImageConfig::new(Platform::linux("amd64")),
    };
    config.rootfs.diff_ids.push(layer.diff_id());
    let mut layers: Vec<_> = base
        .into_iter()
        .flat_map(StoredImage::layers)
        .map(LayerSource::Stored)
        .collect();
    layers.push(LayerSource::Adopted(layer));
    store.publish(NewImage { config, layers }, tag.map(name).as_ref())
}

pub(crate) fn build(store: &Store, content: &str, tag: Option<&str>) -> StoredImage {
    build_on(store, None, content, tag).unwrap()
}

/// The compression of a layer of a composed image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// Composes an image as the images of this project are, each layer with one file.
pub(crate) fn composed(dir: &Path, layers: &[(&str, Packing)], tags: &[&str]) -> Image {
    let mut image = Image::new(ImageConfig::new(Platform::linux("amd64")));
    for (content, packing) in layers {
        image.push(layer(dir, content, *packing), "a test");
    }
    image.names = tags.iter().map(|tag| name(tag)).collect();
    image
}

fn layer(dir: &Path, content: &str, packing: Packing) -> Blob {
    let mut builder = LayerBuilder::new(3);
    builder.directories("etc/s2i", 0o755, Owner::ROOT).unwrap();
    let path = format!("etc/s2i/{content}");
    builder
        .file(&path, 0o640, Owner::ROOT, content.as_bytes().to_vec())
        .unwrap();
    let at = |suffix: &str| dir.join(format!("{content}{suffix}"));
    let layer = builder.build(&at(".tar")).unwrap();
    match packing {
        Packing::Plain => layer,
        Packing::Gzip => layer.gzip(&at(".gz")).unwrap(),
        Packing::Zstd => {
            let bytes = zstd(&fs::read(layer.path()).unwrap());
            fs::write(at(".zst"), &bytes).unwrap();
            Blob::new(
                at(".zst"),
                Descriptor::of(LAYER_ZSTD, &bytes),
                layer.diff_id(),
            )
        }
    }
}

/// The archive of such images.
pub(crate) fn archive(images: &[Image]) -> Vec<u8> {
    let mut bytes = Vec::new();
    s2i_oci::archive::write(images, &mut bytes).unwrap();
    bytes
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// The archive that `export` writes of these images under their own names.
pub(crate) fn export(store: &Store, images: &[&StoredImage]) -> Vec<u8> {
    let images: Vec<_> = images
        .iter()
        .map(|image| (*image, image.names().to_vec()))
        .collect();
    let mut bytes = Vec::new();
    store.export(&images, &|_| false, &mut bytes).unwrap();
    bytes
}

/// All layers of an image as plain archives, which must be those in the config.
#[track_caller]
pub(crate) fn plain_layers(store: &Store, image: &StoredImage) -> Vec<Vec<u8>> {
    let layers = image.layers().map(|layer| {
        let mut bytes = Vec::new();
        store.write_layer(&layer, &mut bytes).unwrap();
        assert_eq!(Digest::of(&bytes), layer.diff_id);
        bytes
    });
    layers.collect()
}

/// Unpacked trees, none of which had to be unpacked again.
pub(crate) fn trees(store: &Store, image: &StoredImage) -> Vec<PathBuf> {
    store
        .trees(image, &|layer| assert!(!layer.again, "{layer:?}"))
        .unwrap()
}
