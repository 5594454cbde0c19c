//! An image in the store.

use s2i_core::{ImageRef, image::ImageConfig};

use super::{
    Store, disk,
    error::StoreError,
    index::{Entry, Index},
    lock::Lock,
};
use crate::{
    Digest,
    manifest::{Descriptor, MAX_JSON, Manifest},
};

/// An image that was in the store at the time of the query. [`Store::work`] keeps it there.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredImage {
    pub(super) id: Digest,
    pub(super) descriptor: Descriptor,
    pub(super) manifest: Manifest,
    pub(super) config: ImageConfig,
    pub(super) names: Vec<ImageRef>,
    pub(super) size: u64,
}

/// One layer of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLayer {
    /// The layer's descriptor in the image's manifest.
    pub descriptor: Descriptor,
    /// The digest of the plain archive.
    pub diff_id: Digest,
}

impl StoredLayer {
    /// Returns whether the image has the layer uncompressed.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.descriptor.digest == self.diff_id
    }
}

impl StoredImage {
    /// The digest of the config.
    #[must_use]
    pub fn id(&self) -> Digest {
        self.id
    }

    /// The digest of the manifest.
    #[must_use]
    pub fn manifest_digest(&self) -> Digest {
        self.descriptor.digest
    }

    /// The descriptor of the manifest.
    #[must_use]
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The config.
    #[must_use]
    pub fn config(&self) -> &ImageConfig {
        &self.config
    }

    /// All names of the image, whole and sorted.
    #[must_use]
    pub fn names(&self) -> &[ImageRef] {
        &self.names
    }

    /// The length of all layers in bytes: uncompressed for layers that were unpacked before, else as stored.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The layers, lowest first.
    #[must_use]
    pub fn layers(&self) -> impl ExactSizeIterator<Item = StoredLayer> + '_ {
        layers(&self.manifest, &self.config)
    }
}

/// The layers of an image whose parts were [checked](check).
pub(super) fn layers<'a>(
    manifest: &'a Manifest,
    config: &'a ImageConfig,
) -> impl ExactSizeIterator<Item = StoredLayer> + 'a {
    let both = manifest.layers.iter().zip(&config.rootfs.diff_ids);
    both.map(|(descriptor, diff_id)| StoredLayer {
        descriptor: descriptor.clone(),
        diff_id: *diff_id,
    })
}

/// Checks that config and manifest belong together.
pub(super) fn check(manifest: &Manifest, config: &ImageConfig) -> Result<(), StoreError> {
    let (layers, diff_ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
    if layers == diff_ids {
        return Ok(());
    }
    Err(StoreError::Inconsistent(format!(
        "its manifest has {layers} layers, but its config {diff_ids}"
    )))
}

impl Store {
    /// Loads the image of an index entry.
    pub(super) fn load(
        &self,
        entry: &Entry,
        index: &Index,
        _lock: &impl Lock,
    ) -> Result<StoredImage, StoreError> {
        let (manifest, config) = self.parts(&entry.manifest)?;
        let layers = layers(&manifest, &config);
        let sizes = layers.map(|layer| self.layer_size(&layer));
        // A manifest from another source can state any size.
        let size = sizes.fold(0, u64::saturating_add);
        Ok(StoredImage {
            id: manifest.config.digest,
            descriptor: entry.manifest.clone(),
            manifest,
            config,
            names: index.names(entry.id),
            size,
        })
    }

    /// Reads manifest and config, verifies their digests, and checks that they belong together.
    pub(super) fn parts(
        &self,
        descriptor: &Descriptor,
    ) -> Result<(Manifest, ImageConfig), StoreError> {
        let digest = descriptor.digest;
        let bytes = self.json(digest)?;
        let manifest = Manifest::parse(&bytes, &descriptor.media_type)
            .map_err(|fault| StoreError::Manifest { digest, fault })?;
        let path = self.layout.blob(manifest.config.digest);
        let config: ImageConfig = serde_json::from_slice(&self.json(manifest.config.digest)?)
            .map_err(|err| StoreError::damaged(&path, err.to_string()))?;
        check(&manifest, &config)?;
        Ok((manifest, config))
    }

    /// Reads a manifest or a config in its original form.
    pub(super) fn json(&self, digest: Digest) -> Result<Vec<u8>, StoreError> {
        let path = self.layout.blob(digest);
        let bytes =
            disk::read(&path, MAX_JSON)?.ok_or_else(|| StoreError::damaged(&path, "it is gone"))?;
        if Digest::of(&bytes) == digest {
            Ok(bytes)
        } else {
            Err(StoreError::damaged(&path, "it has another digest"))
        }
    }
}
