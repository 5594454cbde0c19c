//! An image that is being put together: a config, its layers as files, its names.

use std::path::{Path, PathBuf};

use s2i_core::{
    ImageRef,
    image::{History, ImageConfig},
};

use crate::{
    Digest,
    manifest::{self, Descriptor, Manifest},
};

/// A layer in a file, compressed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    path: PathBuf,
    descriptor: Descriptor,
    diff_id: Digest,
}

impl Blob {
    /// The blob in the file `path`, which `descriptor` describes and which unpacks to what `diff_id`
    /// is the digest of.
    #[must_use]
    pub fn new(path: PathBuf, descriptor: Descriptor, diff_id: Digest) -> Self {
        Self {
            path,
            descriptor,
            diff_id,
        }
    }

    /// Where its bytes are.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is.
    #[must_use]
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The digest of the layer without compression.
    #[must_use]
    pub fn diff_id(&self) -> Digest {
        self.diff_id
    }
}

/// An image that is being put together.
///
/// Several images may share blobs; archives then hold these once.
#[derive(Clone, Debug)]
pub struct Image {
    config: ImageConfig,
    layers: Vec<Blob>,
    /// The names that the image is to be known by; names without a tag stand for `latest`.
    pub names: Vec<ImageRef>,
}

impl Image {
    /// An image with this config and no name. Layers are [pushed](Self::push), never given in the
    /// config: what the config says of layers and history is dropped here.
    #[must_use]
    pub fn new(mut config: ImageConfig) -> Self {
        config.rootfs.diff_ids.clear();
        config.history.clear();
        Self {
            config,
            layers: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Puts a layer on top. `created_by` says in `docker history` what it holds.
    pub fn push(&mut self, layer: Blob, created_by: &str) {
        self.config.rootfs.diff_ids.push(layer.diff_id);
        self.config.history.push(History {
            created: self.config.created.clone(),
            created_by: Some(created_by.into()),
            ..History::default()
        });
        self.layers.push(layer);
    }

    /// The config, with its layers.
    #[must_use]
    pub fn config(&self) -> &ImageConfig {
        &self.config
    }

    /// The layers, lowest first.
    #[must_use]
    pub fn layers(&self) -> &[Blob] {
        &self.layers
    }

    /// The image's ID: the digest of its config. Engines that keep manifests show that one's digest
    /// instead.
    #[must_use]
    pub fn id(&self) -> Digest {
        Digest::of(&self.config.to_json())
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> Manifest {
        let config = Descriptor::of(manifest::CONFIG, &self.config.to_json());
        Manifest::new(
            config,
            self.layers
                .iter()
                .map(|layer| layer.descriptor.clone())
                .collect(),
        )
    }
}
