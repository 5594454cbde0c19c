//! One file that every engine loads and every tool reads.
//!
//! The archive has two formats at once: that of `docker load` (a `manifest.json` that names configs and layers by their
//! paths in the archive), and an OCI layout (`oci-layout`, `index.json` and `blobs/sha256/…`). Both name the same
//! blobs, and each blob is stored once, however many images share it. Each engine reads the part that it supports:
//! Docker 20.10 reads `manifest.json`; Docker with the containerd store and Podman read `index.json`.
//!
//! In `index.json` an image is listed once for each of its names, with the whole name in the
//! annotation [`IMAGE_NAME`] and the tag in [`REF_NAME`], as Docker's own archives have it. Names are
//! whole in `manifest.json` too: Podman takes a short one to be of `localhost`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read, Write},
    path::PathBuf,
};

use s2i_core::{
    ImageRef,
    archive::{Entry, Kind, Writer},
    image::Platform,
};
use serde::Serialize;
use thiserror::Error;

use crate::{
    Blob, Digest, Image,
    copy::{self, CopyError},
    manifest::{self, Descriptor, IMAGE_NAME, Index, Manifest, REF_NAME},
};

/// An error of writing an archive.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// A name that has a digest can't be given to an image: the digest follows from the image.
    #[error("`{0}` has a digest, but an image can only be given a name with a tag")]
    Digest(ImageRef),
    /// Two images with the same name.
    #[error("two images in one archive have the name `{0}`")]
    Name(String),
    /// A layer's file could not be read, or has another digest.
    #[error("can't read the layer {}", path.display())]
    Layer {
        /// The layer's file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The archive could not be written.
    #[error("can't write the archive")]
    Write(#[source] io::Error),
}

/// One image in `manifest.json`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

/// An image to be written to an archive.
pub(crate) struct Item<'a, L> {
    /// The descriptor of the manifest in the index.
    pub(crate) descriptor: Descriptor,
    /// The manifest's bytes.
    pub(crate) manifest: Vec<u8>,
    /// The digest of the config.
    pub(crate) id: Digest,
    /// The config's bytes.
    pub(crate) config: Vec<u8>,
    /// The layers, each with the source of its bytes; a layer without a source is left out.
    pub(crate) layers: Vec<(Descriptor, Option<L>)>,
    pub(crate) names: &'a [ImageRef],
}

/// The contents of a blob of the archive.
enum Bytes<'a, L> {
    Memory(&'a [u8]),
    Layer(u64, &'a L),
}

/// Writes an archive of `images`, in this order, to `out`, which is flushed.
///
/// The digest of every layer is checked on the way, so an archive that was written completely is correct.
///
/// # Errors
/// [`ArchiveError`].
pub fn write(images: &[Image], out: &mut dyn Write) -> Result<(), ArchiveError> {
    let items = images.iter().map(|image| {
        let manifest = image.manifest();
        let bytes = json(&manifest);
        let mut descriptor = Descriptor::of(manifest::MANIFEST, &bytes);
        descriptor.platform = Some(image.config().platform.clone());
        let layers = image.layers().iter();
        Item {
            descriptor,
            manifest: bytes,
            id: manifest.config.digest,
            config: image.config().to_json(),
            layers: layers
                .map(|layer| (layer.descriptor().clone(), Some(layer)))
                .collect(),
            names: &image.names,
        }
    });
    let items: Vec<_> = items.collect();
    write_items(&items, |layer, out| copy_layer(layer, out), out)
}

/// An image whose layers are read from streams.
pub struct Streamed<'a> {
    /// The manifest.
    pub manifest: &'a Manifest,
    /// The platform, for the index.
    pub platform: Option<Platform>,
    /// The config that the manifest names, byte by byte.
    pub config: Vec<u8>,
    /// The names.
    pub names: &'a [ImageRef],
    /// The function that opens a layer, compressed as the manifest has it.
    pub open: &'a OpenLayer<'a>,
}

/// Opens a layer of a manifest.
pub type OpenLayer<'a> = dyn Fn(&Descriptor) -> io::Result<Box<dyn Read + Send>> + 'a;

/// Writes an archive of one image, as [`write()`] does.
///
/// # Errors
/// [`ArchiveError`]; also if the content of a layer has another digest than the manifest.
pub fn write_streams(image: &Streamed<'_>, out: &mut dyn Write) -> Result<(), ArchiveError> {
    let bytes = json(image.manifest);
    let mut descriptor = Descriptor::of(manifest::MANIFEST, &bytes);
    descriptor.platform.clone_from(&image.platform);
    let layers = image.manifest.layers.iter();
    let item = Item {
        descriptor,
        manifest: bytes,
        id: image.manifest.config.digest,
        config: image.config.clone(),
        layers: layers.map(|layer| (layer.clone(), Some(layer))).collect(),
        names: image.names,
    };
    let copy = |layer: &&Descriptor, out: &mut dyn Write| {
        let path = || PathBuf::from(layer.digest.to_string());
        let wrong = |source| ArchiveError::Layer {
            path: path(),
            source,
        };
        let mut content = (image.open)(layer).map_err(wrong)?;
        copy_checked(&mut content, layer, out, &wrong)
    };
    write_items(&[item], copy, out)
}

/// Writes an archive as [`write()`] does, with layers from any source: `copy` writes all bytes of one, and checks them.
pub(crate) fn write_items<L, E: From<ArchiveError>>(
    items: &[Item<'_, L>],
    mut copy: impl FnMut(&L, &mut dyn Write) -> Result<(), E>,
    out: &mut dyn Write,
) -> Result<(), E> {
    check_names(items)?;
    let mut blobs = BTreeMap::new();
    let mut index = Vec::new();
    let mut docker = Vec::new();
    for item in items {
        list(item, &mut index);
        let layers = item.layers.iter().map(|(layer, _)| blob_path(layer.digest));
        docker.push(DockerImage {
            config: blob_path(item.id),
            repo_tags: item.names.iter().map(ImageRef::normalised).collect(),
            layers: layers.collect(),
        });
        blobs.insert(item.descriptor.digest, Bytes::Memory(&item.manifest));
        blobs.insert(item.id, Bytes::Memory(&item.config));
        for (descriptor, layer) in &item.layers {
            if let Some(layer) = layer {
                blobs.insert(descriptor.digest, Bytes::Layer(descriptor.size, layer));
            }
        }
    }
    let mut archive = Writer::new(out, 0);
    let layout = br#"{"imageLayoutVersion":"1.0.0"}"#;
    small(&mut archive, "oci-layout", layout)?;
    small(&mut archive, "index.json", &json(&Index::new(index)))?;
    small(&mut archive, "manifest.json", &json(&docker))?;
    for name in ["blobs/", "blobs/sha256/"] {
        begin(&mut archive, Kind::Directory, name, 0)?;
    }
    for (digest, bytes) in blobs {
        match bytes {
            Bytes::Memory(bytes) => small(&mut archive, &blob_path(digest), bytes)?,
            Bytes::Layer(left, layer) => {
                begin(&mut archive, Kind::File, &blob_path(digest), left)?;
                let archive = &mut archive;
                copy(layer, &mut Contents { archive, left })?;
            }
        }
    }
    archive.finish().map_err(ArchiveError::Write)?;
    Ok(())
}

fn check_names<L>(items: &[Item<'_, L>]) -> Result<(), ArchiveError> {
    let mut seen = BTreeSet::new();
    for name in items.iter().flat_map(|item| item.names) {
        if name.digest().is_some() {
            return Err(ArchiveError::Digest(name.clone()));
        }
        if !seen.insert(name.normalised()) {
            return Err(ArchiveError::Name(name.normalised()));
        }
    }
    Ok(())
}

/// The index entries of an image: one for each name, or one without.
fn list<L>(item: &Item<'_, L>, index: &mut Vec<Descriptor>) {
    if item.names.is_empty() {
        index.push(item.descriptor.clone());
    }
    for name in item.names {
        let mut descriptor = item.descriptor.clone();
        descriptor.annotations.extend([
            (IMAGE_NAME.into(), name.normalised()),
            (REF_NAME.into(), name.tag_or_latest().into()),
        ]);
        index.push(descriptor);
    }
}

fn blob_path(digest: Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("maps with text keys")
}

type Archive<'a> = Writer<&'a mut dyn Write>;

/// Adds a file with these bytes.
fn small(archive: &mut Archive<'_>, name: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
    begin(archive, Kind::File, name, bytes.len() as u64)?;
    archive.add(bytes).map_err(ArchiveError::Write)
}

/// Begins an entry with `size` bytes of contents.
fn begin(archive: &mut Archive<'_>, kind: Kind, name: &str, size: u64) -> Result<(), ArchiveError> {
    let mode = if kind == Kind::Directory {
        0o755
    } else {
        0o644
    };
    let entry = Entry {
        mode,
        size,
        ..Entry::new(kind, name)
    };
    archive.begin(&entry).map_err(ArchiveError::Write)
}

/// The contents of an entry. Bytes written after its last one are dropped, so that no content can pass for a header: a
/// writer that writes too much detects it by the digest.
struct Contents<'a, 'o> {
    archive: &'a mut Archive<'o>,
    left: u64,
}

impl Write for Contents<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        self.archive.add(&bytes[..most])?;
        self.left -= most as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn copy_layer(layer: &Blob, out: &mut dyn Write) -> Result<(), ArchiveError> {
    let wrong = |source| ArchiveError::Layer {
        path: layer.path().into(),
        source,
    };
    let mut file = File::open(layer.path()).map_err(wrong)?;
    copy_checked(&mut file, layer.descriptor(), out, &wrong)
}

/// Copies the bytes of a blob, and checks them.
fn copy_checked(
    content: &mut dyn Read,
    blob: &Descriptor,
    out: &mut dyn Write,
    wrong: &dyn Fn(io::Error) -> ArchiveError,
) -> Result<(), ArchiveError> {
    let Descriptor { digest, size, .. } = *blob;
    let mut content = content.take(size);
    let (found, read) = copy::copy(&mut content, out).map_err(|err| match err {
        CopyError::Read(err) => wrong(err),
        CopyError::Write(err) => ArchiveError::Write(err),
    })?;
    if (found, read) == (digest, size) {
        return Ok(());
    }
    let message =
        format!("it should be {size} bytes with the digest {digest}, but is {read} with {found}");
    Err(wrong(io::Error::new(io::ErrorKind::InvalidData, message)))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use s2i_core::image::{ImageConfig, Platform};

    use super::*;
    use crate::layer::{LayerBuilder, Owner};

    fn layer(dir: &Path, name: &str) -> Blob {
        let mut builder = LayerBuilder::new(1);
        builder
            .file(name, 0o644, Owner::ROOT, b"x".to_vec())
            .unwrap();
        builder.build(&dir.join(name)).unwrap()
    }

    fn image(layers: &[Blob], names: &[&str]) -> Image {
        let mut image = Image::new(ImageConfig::new(Platform::linux("arm64")));
        for layer in layers {
            image.push(layer.clone(), "test");
        }
        image.names = names.iter().map(|name| name.parse().unwrap()).collect();
        image
    }

    fn unpack(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(bytes);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.path().unwrap().display().to_string(), bytes)
        });
        let all: Vec<_> = entries.collect();
        let count = all.len();
        let map = BTreeMap::from_iter(all);
        assert_eq!(map.len(), count, "an entry is there twice");
        map
    }

    #[test]
    fn both_formats_name_the_same_blobs_once() {
        let dir = tempfile::tempdir().unwrap();
        let (base, app) = (layer(dir.path(), "base"), layer(dir.path(), "app"));
        let images = [
            image(&[base.clone(), app], &["s2i/go", "s2i/go:1.27"]),
            image(&[base], &[]),
        ];
        let mut bytes = Vec::new();
        write(&images, &mut bytes).unwrap();
        let entries = unpack(&bytes);
        // Two manifests, two configs, two layers, three files at the top, two directories.
        assert_eq!(entries.len(), 11);
        for (name, bytes) in entries.iter().filter(|(name, _)| name.len() > 64) {
            assert_eq!(*name, blob_path(Digest::of(bytes)));
        }

        let docker: serde_json::Value = serde_json::from_slice(&entries["manifest.json"]).unwrap();
        assert_eq!(
            docker[0]["RepoTags"],
            serde_json::json!(["docker.io/s2i/go:latest", "docker.io/s2i/go:1.27"])
        );
        assert_eq!(docker[1]["RepoTags"], serde_json::json!([]));
        assert_eq!(docker[0]["Config"], blob_path(images[0].id()));
        assert_eq!(docker[0]["Layers"][0], docker[1]["Layers"][0]);
        assert!(entries.contains_key(docker[0]["Layers"][1].as_str().unwrap()));

        let index: Index = serde_json::from_slice(&entries["index.json"]).unwrap();
        let names: Vec<_> = index
            .manifests
            .iter()
            .map(|entry| entry.annotations.get(IMAGE_NAME))
            .collect();
        assert_eq!(names[0].unwrap(), "docker.io/s2i/go:latest");
        assert_eq!(names[1].unwrap(), "docker.io/s2i/go:1.27");
        assert_eq!(names[2], None);
        let manifest: manifest::Manifest =
            serde_json::from_slice(&entries[&blob_path(index.manifests[0].digest)]).unwrap();
        assert_eq!(manifest, images[0].manifest());
        let config: ImageConfig =
            serde_json::from_slice(&entries[&blob_path(manifest.config.digest)]).unwrap();
        assert_eq!(config.rootfs.diff_ids.len(), 2);

        let mut again = Vec::new();
        write(&images, &mut again).unwrap();
        assert!(bytes == again);
    }

    #[test]
    fn wrong_layers_and_names_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let blob = layer(dir.path(), "base");
        let shown = |images: &[Image]| write(images, &mut io::sink()).unwrap_err();
        let digest = format!("a@sha256:{}", "a".repeat(64));
        assert!(matches!(
            shown(&[image(&[], &[&digest])]),
            ArchiveError::Digest(_)
        ));
        let err = shown(&[
            image(&[], &["a"]),
            image(&[], &["docker.io/library/a:latest"]),
        ]);
        assert_eq!(
            err.to_string(),
            "two images in one archive have the name `docker.io/library/a:latest`"
        );

        let mut bytes = fs::read(blob.path()).unwrap();
        bytes[512] ^= 1;
        fs::write(blob.path(), &bytes).unwrap();
        assert!(matches!(
            shown(&[image(std::slice::from_ref(&blob), &[])]),
            ArchiveError::Layer { .. }
        ));
        fs::write(blob.path(), &bytes[..512]).unwrap();
        assert!(matches!(
            shown(&[image(&[blob], &[])]),
            ArchiveError::Layer { .. }
        ));
    }
}
