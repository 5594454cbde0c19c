//! The images and layers that an engine already has, so that they need not be sent again.

use std::collections::{BTreeSet, HashMap};

use bollard::{models::ImageInspect, query_parameters::ListImagesOptionsBuilder};
use s2i_build::{
    EngineError,
    ports::{Operation, StoredContent},
};
use s2i_core::ImageRef;

use crate::DockerEngine;

/// The entry of the driver status that shows containerd's image store.
const CONTAINERD: [&str; 2] = ["driver-type", "io.containerd.snapshotter.v1"];

impl DockerEngine {
    /// Returns the content that the engine has of these images. Missing images are skipped.
    ///
    /// With containerd's store an engine keeps the layer blobs as it received them. It would accept an image whose
    /// layers it only has with another compression, and could run it, but could neither push nor export it. So only
    /// manifests with all their blobs count there.
    ///
    /// # Errors
    /// Every error that the engine returns.
    pub async fn stored_content(&self, images: &[ImageRef]) -> Result<StoredContent, EngineError> {
        let mut found = Vec::new();
        for image in images {
            found.extend(self.client.find_image(image).await?);
        }
        if !found.is_empty() && self.keeps_archives().await? {
            return self.manifests(&found).await;
        }
        let mut content = StoredContent::default();
        for image in found {
            content.images.extend(image.id);
            let layers = image.root_fs.and_then(|root| root.layers);
            content.layers.extend(layers.unwrap_or_default());
        }
        Ok(content)
    }

    async fn keeps_archives(&self) -> Result<bool, EngineError> {
        let status = self.system().await?.driver_status.unwrap_or_default();
        Ok(status.iter().any(|entry| *entry == CONTAINERD))
    }

    /// Returns the manifests of images that have all their blobs. Engines before API 1.48 list none.
    async fn manifests(&self, images: &[ImageInspect]) -> Result<StoredContent, EngineError> {
        let names = images.iter().flat_map(|image| image.repo_tags.iter());
        let names: Vec<_> = names.flatten().cloned().collect();
        if names.is_empty() {
            return Ok(StoredContent::default());
        }
        let options = ListImagesOptionsBuilder::new()
            .manifests(true)
            .filters(&HashMap::from([("reference", names)]));
        let listed = self.client.list_images(Some(options.build())).await;
        let listed = listed.map_err(self.client.failed(Operation::List, "its images"))?;
        let manifests = listed.into_iter().filter_map(|image| image.manifests);
        let whole = manifests.flatten().filter(|manifest| manifest.available);
        Ok(StoredContent {
            images: whole.map(|manifest| manifest.id).collect(),
            layers: BTreeSet::new(),
        })
    }
}
