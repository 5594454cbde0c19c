//! The images of this process: named until it ends, and never started.

use s2i_build::{
    BuildContext, EngineError,
    ports::{Committed, ImageStore, ImageSummary, Launch, Launcher, Operation, Pruned},
};
use s2i_core::{ImageRef, wire::Exit};

use crate::{engine::InPlaceEngine, error::failed};

/// The reason why nothing else is run.
const NO_CONTAINERS: &str = "in place, only the container that s2i runs in is used";

impl ImageStore for InPlaceEngine {
    async fn list(&self) -> Result<Vec<ImageSummary>, EngineError> {
        let images = self.store.all().into_iter().map(|image| ImageSummary {
            id: image.id().to_string(),
            names: image.names.iter().map(ImageRef::normalised).collect(),
            size: image.size(),
            created: None,
        });
        Ok(images.collect())
    }

    async fn remove(&self, image: &ImageRef) -> Result<Vec<String>, EngineError> {
        Err(failed(Operation::RemoveImage, image)(NO_CONTAINERS))
    }

    async fn tag(&self, image: &ImageRef, name: &ImageRef) -> Result<(), EngineError> {
        let found = self.store.find(image);
        let found = found.ok_or_else(|| EngineError::NoSuchImage {
            image: image.clone(),
        })?;
        self.store.tag(&found.id().to_string(), name)
    }

    async fn prune(&self) -> Result<Pruned, EngineError> {
        Ok(Pruned::default())
    }

    async fn tag_committed(
        &self,
        committed: &Committed,
        name: &ImageRef,
    ) -> Result<(), EngineError> {
        self.store.tag(&committed.id, name)
    }

    async fn remove_committed(&self, committed: &Committed) -> Result<(), EngineError> {
        self.store.remove(&committed.id);
        Ok(())
    }
}

impl Launcher for InPlaceEngine {
    async fn launch(
        &self,
        launch: &Launch<'_>,
        _context: BuildContext<'_>,
    ) -> Result<Exit, EngineError> {
        Err(failed(Operation::StartContainer, &launch.image.name)(
            NO_CONTAINERS,
        ))
    }
}
