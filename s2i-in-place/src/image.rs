//! An image that is composed of the layers of a base and a new one.

use s2i_build::ports::Commit;
use s2i_core::{
    ImageRef,
    image::{ImageConfig, format_timestamp},
};
use s2i_oci::{
    Digest,
    manifest::{self, Descriptor, Manifest},
};

use crate::{job::PackedLayer, layers::Layer};

/// An image that is not in any registry yet.
#[derive(Clone, Debug)]
pub(crate) struct ComposedImage {
    pub(crate) names: Vec<ImageRef>,
    /// The name of the base.
    pub(crate) base: ImageRef,
    pub(crate) config: ImageConfig,
    /// The config, byte by byte.
    pub(crate) config_bytes: Vec<u8>,
    /// The layers of the base; `None` if there is no place to read them from.
    pub(crate) below: Option<Vec<Layer>>,
    /// The layer on top.
    pub(crate) layer: Layer,
}

impl ComposedImage {
    /// Puts a layer on a base, with the config of a commit.
    pub(crate) fn new(
        (name, base): (&ImageRef, &ImageConfig),
        below: Option<Vec<Layer>>,
        layer: PackedLayer,
        commit: &Commit,
    ) -> Self {
        let created = format_timestamp(commit.times.new);
        let config = base.with_layer(layer.diff_id, commit.config.clone(), created);
        Self {
            names: Vec::new(),
            base: name.clone(),
            config_bytes: config.to_json(),
            config,
            below,
            layer: layer.layer,
        }
    }

    /// Returns the ID: the digest of the config.
    pub(crate) fn id(&self) -> Digest {
        Digest::of(&self.config_bytes)
    }

    /// Returns the layers, lowest first.
    pub(crate) fn layers(&self) -> Option<Vec<Layer>> {
        let mut layers = self.below.clone()?;
        layers.push(self.layer.clone());
        Some(layers)
    }

    /// Returns the manifest of these layers.
    pub(crate) fn manifest(&self, layers: &[Layer]) -> Manifest {
        let config = Descriptor::of(manifest::CONFIG, &self.config_bytes);
        let layers = layers.iter().map(|layer| layer.descriptor.clone());
        let mut manifest = Manifest::new(config, layers.collect());
        manifest.annotations = manifest::annotations_of(&self.config.config);
        manifest
    }

    /// Returns the size of the compressed layers, as far as they are known, in bytes.
    pub(crate) fn size(&self) -> u64 {
        let below = self.below.iter().flatten();
        let sizes = below.map(|layer| layer.descriptor.size);
        sizes.fold(self.layer.descriptor.size, u64::saturating_add)
    }
}
