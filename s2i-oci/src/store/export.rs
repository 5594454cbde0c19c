//! Puts images into one archive for every engine and tool.

use std::io::Write;

use s2i_core::ImageRef;

use super::{Store, StoredImage, StoredLayer, error::StoreError};
use crate::archive::{Item, write_items};

impl Store {
    /// Writes an archive of images under these names, in the form of [`archive::write`]: Docker, Podman and OCI tools
    /// read it, and the images keep their IDs and manifests. Layers are written in their original form, and those that
    /// were built here uncompressed. The output is verified while it is written, so output written before an error must
    /// not be used.
    ///
    /// The lowest layers for which `omit` returns true are left out, for an engine that has them already.
    ///
    /// [`archive::write`]: crate::archive::write
    ///
    /// # Errors
    /// [`StoreError::Gone`], [`StoreError::Export`], [`StoreError::Write`], and those of
    /// [`write_layer`](Self::write_layer).
    pub fn export(
        &self,
        images: &[(&StoredImage, Vec<ImageRef>)],
        omit: &dyn Fn(&StoredLayer) -> bool,
        out: &mut dyn Write,
    ) -> Result<(), StoreError> {
        let protected: Vec<_> = images.iter().map(|(image, _)| *image).collect();
        let _work = self.work(&protected)?;
        let mut items = Vec::new();
        for (image, names) in images {
            items.push(self.item(image, names, omit)?);
        }
        write_items(
            &items,
            |layer: &StoredLayer, out: &mut dyn Write| {
                if layer.is_plain() {
                    self.write_layer(layer, out)
                } else {
                    self.copy_blob(&layer.descriptor, out)
                }
            },
            out,
        )
    }

    fn item<'a>(
        &self,
        image: &StoredImage,
        names: &'a [ImageRef],
        omit: &dyn Fn(&StoredLayer) -> bool,
    ) -> Result<Item<'a, StoredLayer>, StoreError> {
        let mut is_below = true;
        let layers = image.layers().map(|layer| {
            is_below &= omit(&layer);
            (layer.descriptor.clone(), (!is_below).then_some(layer))
        });
        Ok(Item {
            descriptor: image.descriptor.clone(),
            layers: layers.collect(),
            manifest: self.json(image.manifest_digest())?,
            id: image.id,
            config: self.json(image.id)?,
            names,
        })
    }
}
