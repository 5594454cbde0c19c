//! An image under construction: a config, its layers as files, its names.

use std::path::{Path, PathBuf};

use s2i_core::{
    ImageRef,
    image::{ContainerConfig, History, ImageConfig},
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
    /// The blob in the file `path`, described by `descriptor`; `diff_id` is the digest of its uncompressed content.
    #[must_use]
    pub fn new(path: PathBuf, descriptor: Descriptor, diff_id: Digest) -> Self {
        Self {
            path,
            descriptor,
            diff_id,
        }
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The descriptor of the blob.
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

/// An image under construction.
///
/// Several images may share blobs; archives then hold these once.
#[derive(Clone, Debug)]
pub struct Image {
    config: ImageConfig,
    layers: Vec<Blob>,
    /// The names of the image; names without a tag stand for `latest`.
    pub names: Vec<ImageRef>,
}

impl Image {
    /// An image with this config and no name. Layers are [pushed](Self::push), never given in the config: its layers
    /// and history are dropped here.
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

    /// Returns the image with this config and its layers. The number of layers is that of the config.
    #[cfg(feature = "registry")]
    pub(crate) fn with_layers(config: ImageConfig, layers: Vec<Blob>) -> Self {
        Self {
            config,
            layers,
            names: Vec::new(),
        }
    }

    /// Returns the settings that containers of the image start with, to change them.
    pub fn container_config_mut(&mut self) -> &mut ContainerConfig {
        &mut self.config.config
    }

    /// Adds a layer on top. `created_by` describes it in `docker history`.
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
        let layers = self.layers.iter().map(|layer| layer.descriptor.clone());
        let mut manifest = Manifest::new(config, layers.collect());
        manifest.annotations = manifest::annotations_of(&self.config.config);
        manifest
    }
}
