//! Archives that are put together by hand.

use std::collections::BTreeMap;

use s2i_core::image::{ImageConfig, Platform};
use s2i_oci::{
    Digest,
    manifest::{self, CONFIG, Descriptor, Index, LAYER, MANIFEST, Manifest},
};
use tar::{EntryType, Header};

/// A tar archive that is put together by hand.
#[derive(Default)]
pub(crate) struct Tar(pub(crate) Vec<u8>);

impl Tar {
    pub(crate) fn file(mut self, name: &str, content: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        self.put(&mut header, EntryType::Regular, name);
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn link(mut self, kind: EntryType, name: &str, target: &str) -> Self {
        let mut header = Header::new_gnu();
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_size(0);
        self.put(&mut header, kind, name);
        self
    }

    fn put(&mut self, header: &mut Header, kind: EntryType, name: &str) {
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
    }

    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

fn place(digest: Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// A layer with one file.
pub(crate) fn layer(content: &str) -> Vec<u8> {
    Tar::default().file(content, content.as_bytes()).end()
}

pub(crate) fn config(architecture: &str, layers: &[&[u8]]) -> ImageConfig {
    let mut config = ImageConfig::new(Platform::linux(architecture));
    config.rootfs.diff_ids = layers.iter().map(|layer| Digest::of(layer)).collect();
    config
}

/// Config, tags and layers of an image.
pub(crate) type DockerImage<'a> = (&'a ImageConfig, &'a [&'a str], &'a [Vec<u8>]);

/// An archive in the form of old versions of Docker: a directory for each layer.
pub(crate) fn docker_archive(images: &[DockerImage<'_>]) -> Vec<u8> {
    let mut tar = Tar::default();
    let mut manifest = Vec::new();
    for (config, tags, layers) in images {
        let json = config.to_json();
        let config = format!("{}.json", Digest::of(&json).hex());
        let mut places = Vec::new();
        for layer in *layers {
            let directory = Digest::of(layer).hex();
            let place = format!("{directory}/layer.tar");
            tar = tar
                .link(EntryType::Directory, &format!("{directory}/"), "")
                .file(&format!("{directory}/VERSION"), b"1.0")
                .file(&format!("{directory}/json"), b"{}")
                .file(&place, layer);
            places.push(place);
        }
        tar = tar.file(&config, &json);
        manifest.push(serde_json::json!({"Config": config, "RepoTags": tags, "Layers": places}));
    }
    let manifest = serde_json::to_vec(&manifest).unwrap();
    tar.file("manifest.json", &manifest)
        .file("repositories", b"{}")
        .end()
}

/// An OCI layout of whatever is put into it.
#[derive(Default)]
pub(crate) struct Layout {
    pub(crate) blobs: BTreeMap<Digest, Vec<u8>>,
}

impl Layout {
    pub(crate) fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Descriptor {
        self.blobs.insert(Digest::of(bytes), bytes.to_vec());
        Descriptor::of(media_type, bytes)
    }

    pub(crate) fn json(&mut self, media_type: &str, value: &impl serde::Serialize) -> Descriptor {
        self.blob(media_type, &serde_json::to_vec(value).unwrap())
    }

    pub(crate) fn image(&mut self, architecture: &str, content: &str) -> Descriptor {
        let layer = layer(content);
        let config = config(architecture, &[&layer]);
        let config = self.blob(CONFIG, &config.to_json());
        let layer = self.blob(LAYER, &layer);
        let mut manifest = self.json(MANIFEST, &Manifest::new(config, vec![layer]));
        manifest.platform = Some(Platform::linux(architecture));
        manifest
    }

    pub(crate) fn index(&mut self, manifests: Vec<Descriptor>) -> Descriptor {
        self.json(manifest::INDEX, &Index::new(manifests))
    }

    pub(crate) fn end(self, manifests: Vec<Descriptor>) -> Vec<u8> {
        let index = serde_json::to_vec(&Index::new(manifests)).unwrap();
        let mut tar = Tar::default().file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
        for (digest, bytes) in &self.blobs {
            tar = tar.file(&place(*digest), bytes);
        }
        tar.file("index.json", &index).end()
    }
}

pub(crate) fn named(mut descriptor: Descriptor, key: &str, name: &str) -> Descriptor {
    descriptor.annotations.insert(key.into(), name.into());
    descriptor
}
