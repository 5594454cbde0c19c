//! Publishes an image: everything that it names first, then its name.

use std::collections::BTreeMap;

use s2i_core::{ImageRef, image::ImageConfig};

use super::{
    Adopted, Store, StoredImage, StoredLayer, Work, disk,
    error::StoreError,
    image,
    index::{Entry, Index},
    lock::Exclusive,
};
use crate::{
    Digest,
    manifest::{self, Descriptor, Manifest, oci_layer},
};

/// An image to be published.
#[derive(Debug)]
pub struct NewImage {
    /// The config. Its `rootfs` names the layers.
    pub config: ImageConfig,
    /// The layers, lowest first.
    pub layers: Vec<LayerSource>,
}

/// The source of a layer of a new image.
#[derive(Debug)]
pub enum LayerSource {
    /// From an image that a [`Work`] of the caller protects.
    Stored(StoredLayer),
    /// From a build.
    Adopted(Adopted),
}

impl LayerSource {
    fn layer(&self) -> &StoredLayer {
        match self {
            Self::Stored(layer) => layer,
            Self::Adopted(adopted) => adopted.layer(),
        }
    }
}

/// The bytes of an image without its layers, and their parsed content.
pub(super) struct Parts {
    pub(super) descriptor: Descriptor,
    pub(super) manifest: Manifest,
    manifest_bytes: Vec<u8>,
    config_bytes: Vec<u8>,
    config: ImageConfig,
}

impl Parts {
    /// Reads manifest and config, which must belong together.
    pub(super) fn read(
        manifest_bytes: Vec<u8>,
        media_type: &str,
        config_bytes: Vec<u8>,
    ) -> Result<Self, StoreError> {
        let mut descriptor = Descriptor::of(media_type, &manifest_bytes);
        let digest = descriptor.digest;
        let manifest = Manifest::parse(&manifest_bytes, media_type)
            .map_err(|fault| StoreError::Manifest { digest, fault })?;
        let (found, size) = (Digest::of(&config_bytes), config_bytes.len() as u64);
        if (found, size) != (manifest.config.digest, manifest.config.size) {
            return Err(StoreError::Mismatch {
                what: "the config".into(),
                expected: manifest.config.digest,
                found,
                size,
            });
        }
        if size > manifest::MAX_JSON {
            let problem = format!("its config has more than {} bytes", manifest::MAX_JSON);
            return Err(StoreError::Inconsistent(problem));
        }
        let config: ImageConfig = serde_json::from_slice(&config_bytes)
            .map_err(|err| StoreError::Inconsistent(format!("its config can't be read: {err}")))?;
        image::check(&manifest, &config)?;
        descriptor.platform = Some(config.platform.clone());
        Ok(Self {
            descriptor,
            manifest,
            manifest_bytes,
            config_bytes,
            config,
        })
    }

    pub(super) fn id(&self) -> Digest {
        self.manifest.config.digest
    }

    pub(super) fn layers(&self) -> impl Iterator<Item = StoredLayer> + '_ {
        image::layers(&self.manifest, &self.config)
    }

    /// Writes both files to the working directory, so that they are on the disk before the lock is taken.
    pub(super) fn spool(&self, work: &Work) -> Result<(), StoreError> {
        for (digest, bytes) in self.blobs() {
            disk::write(&work.path().join(digest.hex()), bytes)?;
        }
        Ok(())
    }

    /// Makes both files blobs.
    fn put(&self, store: &Store, work: &Work, lock: &Exclusive) -> Result<(), StoreError> {
        for (digest, _) in self.blobs() {
            store.put_blob(&work.path().join(digest.hex()), digest, lock)?;
        }
        Ok(())
    }

    /// The entry of the image without a name.
    fn entry(&self) -> Entry {
        Entry {
            name: None,
            id: self.id(),
            manifest: self.descriptor.clone(),
        }
    }

    fn blobs(&self) -> [(Digest, &[u8]); 2] {
        [
            (self.id(), &self.config_bytes),
            (self.descriptor.digest, &self.manifest_bytes),
        ]
    }
}

/// An image to be listed, and its names.
pub(super) struct Listing {
    pub(super) parts: Parts,
    pub(super) names: Vec<ImageRef>,
}

impl Store {
    /// Makes an image of a config and layers, and gives it the name, which is taken from any other image. Without a
    /// name it is listed until [`prune`](Self::prune).
    ///
    /// # Errors
    /// [`StoreError::NamedByDigest`]; [`StoreError::Inconsistent`] if the config names other layers;
    /// [`StoreError::NoLayer`] if a stored layer is gone; [`StoreError::Disk`].
    pub fn publish(
        &self,
        new: NewImage,
        name: Option<&ImageRef>,
    ) -> Result<StoredImage, StoreError> {
        check_name(name)?;
        let NewImage { config, layers } = new;
        let parts = compose(&config, &layers)?;
        let work = self.work(&[])?;
        parts.spool(&work)?;
        let adopted = layers.iter().filter_map(|source| match source {
            LayerSource::Adopted(adopted) => Some(adopted),
            LayerSource::Stored(_) => None,
        });
        let lock = self.put_all_adopted(&adopted.collect::<Vec<_>>(), &work)?;
        self.list_image(parts, name, &work, &lock)
    }

    /// Makes an image of a registry's manifest and config, whose layers are blobs already (see
    /// [`partial`](Self::partial)), and gives it the name.
    ///
    /// A name may have a digest: that of the manifest, or of an index that contains the manifest, which the caller must
    /// have verified.
    ///
    /// # Errors
    /// [`StoreError::Manifest`], [`StoreError::Mismatch`], [`StoreError::Inconsistent`],
    /// [`StoreError::NoLayer`], [`StoreError::Disk`].
    pub fn publish_pulled(
        &self,
        manifest: &[u8],
        config: &[u8],
        name: &ImageRef,
    ) -> Result<StoredImage, StoreError> {
        let parts = Parts::read(manifest.into(), &media_type(manifest), config.into())?;
        let work = self.work(&[])?;
        parts.spool(&work)?;
        let lock = self.exclusive()?;
        self.list_image(parts, Some(name), &work, &lock)
    }

    fn list_image(
        &self,
        parts: Parts,
        name: Option<&ImageRef>,
        work: &Work,
        lock: &Exclusive,
    ) -> Result<StoredImage, StoreError> {
        let names = name.cloned().into_iter().collect();
        let mut images = self.list_images(&[Listing { parts, names }], work, lock)?;
        Ok(images.pop().expect("as many as were listed"))
    }

    /// Completes the import when all layers are present: all images are listed at once, or none is.
    pub(super) fn list_images(
        &self,
        images: &[Listing],
        work: &Work,
        lock: &Exclusive,
    ) -> Result<Vec<StoredImage>, StoreError> {
        for Listing { parts, .. } in images {
            if let Some(layer) = parts.layers().find(|layer| !self.has_layer(layer, lock)) {
                return Err(StoreError::NoLayer(layer.diff_id));
            }
            parts.put(self, work, lock)?;
        }
        self.sync_blobs()?;
        let mut index = Index::load(&self.layout, lock)?;
        for Listing { parts, names } in images {
            index.add(None, parts.id(), &parts.descriptor);
            for name in names {
                index.add(Some(name), parts.id(), &parts.descriptor);
            }
        }
        index.save(&self.layout, lock)?;
        let index = Index::load(&self.layout, lock)?;
        let entries = images.iter().map(|image| image.parts.entry());
        entries
            .map(|entry| self.load(&entry, &index, lock))
            .collect()
    }

    /// Takes the store's lock and moves these layers to their places.
    fn put_all_adopted(&self, adopted: &[&Adopted], work: &Work) -> Result<Exclusive, StoreError> {
        let put = || {
            for layer in adopted {
                self.spool_adopted(layer, work)?;
            }
            let lock = self.exclusive()?;
            for layer in adopted {
                self.put_adopted(layer, work, &lock)?;
            }
            Ok(lock)
        };
        let lock = put()?;
        if adopted
            .iter()
            .all(|layer| self.has_layer(layer.layer(), &lock))
        {
            return Ok(lock);
        }
        // Another process unpacked the same layer after the check. That happens only once.
        drop(lock);
        put()
    }

    /// Packs the layer into a file if its tree can't be kept: where the same layer was unpacked from another tool's
    /// archive, that tree is in use, and need not give the same bytes again.
    fn spool_adopted(&self, adopted: &Adopted, work: &Work) -> Result<(), StoreError> {
        let diff_id = adopted.diff_id();
        let path = work.path().join(diff_id.hex());
        let found = self.record(diff_id)?;
        if found.is_none_or(|found| found.packs) || path.exists() {
            return Ok(());
        }
        let tree = adopted.directory().0.join("tree");
        let mut file = disk::create(&path)?;
        self.pack(&tree, &mut file)?;
        disk::sync(&file, &path)
    }

    fn put_adopted(
        &self,
        adopted: &Adopted,
        work: &Work,
        lock: &Exclusive,
    ) -> Result<(), StoreError> {
        let diff_id = adopted.diff_id();
        let spooled = work.path().join(diff_id.hex());
        if spooled.exists() {
            self.put_blob(&spooled, diff_id, lock)?;
        }
        // A tree that may be torn is worth less than one that was just written.
        let found = self.record(diff_id)?;
        let old = found.filter(|found| !found.is_settled(&self.boot));
        let (directory, own) = adopted.directory();
        if directory.exists() {
            self.install(&directory, diff_id, old.as_ref(), own, lock)?;
        }
        Ok(())
    }
}

/// Checks that the name has no digest: a digest follows from the image.
pub(super) fn check_name(name: Option<&ImageRef>) -> Result<(), StoreError> {
    match name {
        Some(name) if name.digest().is_some() => Err(StoreError::NamedByDigest(name.clone())),
        _ => Ok(()),
    }
}

fn compose(config: &ImageConfig, layers: &[LayerSource]) -> Result<Parts, StoreError> {
    let layers = layers.iter().map(LayerSource::layer);
    let diff_ids = layers.clone().map(|layer| &layer.diff_id);
    if !diff_ids.eq(&config.rootfs.diff_ids) {
        let problem = "its config names other layers";
        return Err(StoreError::Inconsistent(problem.into()));
    }
    let config_bytes = config.to_json();
    let layers = layers.map(|StoredLayer { descriptor, .. }| Descriptor {
        media_type: oci_layer(&descriptor.media_type).into(),
        platform: None,
        annotations: BTreeMap::new(),
        ..*descriptor
    });
    let mut manifest = Manifest::new(
        Descriptor::of(manifest::CONFIG, &config_bytes),
        layers.collect(),
    );
    manifest.annotations = manifest::annotations_of(&config.config);
    let bytes = serde_json::to_vec(&manifest).expect("text keys");
    Parts::read(bytes, manifest::MANIFEST, config_bytes)
}

/// Returns the media type in a manifest; an OCI manifest may leave it out.
fn media_type(manifest: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Typed {
        media_type: Option<String>,
    }
    let typed = serde_json::from_slice(manifest).ok();
    let media_type = typed.and_then(|typed: Typed| typed.media_type);
    media_type.unwrap_or_else(|| manifest::MANIFEST.into())
}
