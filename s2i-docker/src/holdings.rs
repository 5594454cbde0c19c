//! What an engine has already, so that it need not be sent there again.

use std::collections::{BTreeSet, HashMap};

use bollard::{models::ImageInspect, query_parameters::ListImagesOptionsBuilder};
use s2i_build::{
    EngineError,
    ports::{Holdings, Operation},
};
use s2i_core::ImageRef;

use crate::{DockerEngine, error::failed, images::inspected};

/// How containerd's store shows among the properties of the storage.
const CONTAINERD: [&str; 2] = ["driver-type", "io.containerd.snapshotter.v1"];

impl DockerEngine {
    /// What the engine has of these images; those that are not there are passed over.
    ///
    /// With containerd's store an engine keeps the archives of layers as they came. It would take an
    /// image whose layers it has in another form, and could run it, but not give it to anybody. So
    /// only manifests with all their parts count there.
    ///
    /// # Errors
    /// What the engine says.
    pub async fn holdings(&self, images: &[ImageRef]) -> Result<Holdings, EngineError> {
        let mut found = Vec::new();
        for image in images {
            found.extend(inspected(&self.docker, &self.endpoint.url, image).await?);
        }
        if !found.is_empty() && self.keeps_archives().await? {
            return self.manifests(&found).await;
        }
        let mut holdings = Holdings::default();
        for image in found {
            holdings.images.extend(image.id);
            let layers = image.root_fs.and_then(|root| root.layers);
            holdings.layers.extend(layers.unwrap_or_default());
        }
        Ok(holdings)
    }

    async fn keeps_archives(&self) -> Result<bool, EngineError> {
        let system = self.docker.info().await;
        let system = system.map_err(failed(Operation::Describe, "itself", &self.endpoint.url))?;
        let status = system.driver_status.unwrap_or_default();
        Ok(status.iter().any(|entry| *entry == CONTAINERD))
    }

    /// The manifests of images that have all their parts. Engines before API 1.48 don't tell any.
    async fn manifests(&self, images: &[ImageInspect]) -> Result<Holdings, EngineError> {
        let names = images.iter().flat_map(|image| image.repo_tags.iter());
        let names: Vec<_> = names.flatten().cloned().collect();
        if names.is_empty() {
            return Ok(Holdings::default());
        }
        let options = ListImagesOptionsBuilder::new()
            .manifests(true)
            .filters(&HashMap::from([("reference", names)]));
        let listed = self.docker.list_images(Some(options.build())).await;
        let listed = listed.map_err(failed(Operation::List, "its images", &self.endpoint.url))?;
        let manifests = listed.into_iter().filter_map(|image| image.manifests);
        let whole = manifests.flatten().filter(|manifest| manifest.available);
        Ok(Holdings {
            images: whole.map(|manifest| manifest.id).collect(),
            layers: BTreeSet::new(),
        })
    }
}
