//! The images of the store: naming and removing them, and moving them elsewhere.

use futures_util::future::join;
use s2i_build::{
    BuildContext, CancelToken, EngineError,
    context::or_interrupted,
    ports::{
        Committed, ImageStore, ImageSummary, ImageTransfer, Operation, Pruned, Pushed,
        StoredContent,
    },
    stream::{ArchiveReader, ArchiveStream},
};
use s2i_core::ImageRef;
use s2i_oci::store::{Loaded, Store, StoreError, StoredImage};

use crate::{
    build_cache, commit,
    engine::NativeEngine,
    error::{blocking, failed},
    tracked::{cancellable, track},
};

impl ImageStore for NativeEngine {
    async fn list(&self) -> Result<Vec<ImageSummary>, EngineError> {
        let store = self.store.clone();
        blocking(move || {
            let images = store.list();
            let images = images.map_err(failed(Operation::List, "the images of the store"))?;
            Ok(images.iter().map(summary).collect())
        })
        .await
    }

    async fn remove(&self, image: &ImageRef) -> Result<Vec<String>, EngineError> {
        let (store, name) = (self.store.clone(), image.clone());
        let stored = self.get(image).await?;
        blocking(move || {
            let removed = remove_names(&store, &name, &stored);
            removed.map_err(failed(Operation::RemoveImage, &name))
        })
        .await
    }

    async fn tag(&self, image: &ImageRef, name: &ImageRef) -> Result<(), EngineError> {
        let (store, name) = (self.store.clone(), name.clone());
        let stored = self.get(image).await?;
        blocking(move || {
            let tagged = store.tag(&stored, &name);
            tagged.map_err(failed(Operation::TagImage, &name))
        })
        .await
    }

    async fn prune(&self) -> Result<Pruned, EngineError> {
        let store = self.store.clone();
        blocking(move || {
            let before = store.list();
            let before = before.map_err(failed(Operation::List, "the images"))?;
            let unnamed = before.iter().filter(|image| image.names().is_empty());
            let removed = unnamed.map(|image| format!("deleted {}", image.id()));
            let freed = store.prune();
            let freed = freed.map_err(failed(Operation::Prune, "the store"))?;
            build_cache::prune(&store)?;
            Ok(Pruned {
                removed: removed.collect(),
                bytes: freed.bytes,
            })
        })
        .await
    }

    async fn tag_committed(
        &self,
        committed: &Committed,
        name: &ImageRef,
    ) -> Result<(), EngineError> {
        let (store, id, name) = (self.store.clone(), committed.id.clone(), name.clone());
        blocking(move || commit::tag(&store, &id, &name)).await
    }

    async fn remove_committed(&self, committed: &Committed) -> Result<(), EngineError> {
        let (store, id) = (self.store.clone(), committed.id.clone());
        blocking(move || commit::remove(&store, &id)).await
    }
}

impl ImageTransfer for NativeEngine {
    async fn push(
        &self,
        image: &ImageRef,
        context: BuildContext<'_>,
    ) -> Result<Pushed, EngineError> {
        context.or_interrupted(self.send(image, context)).await
    }

    async fn load(
        &self,
        archive: ArchiveStream<'static>,
        cancel: &CancelToken,
    ) -> Result<Vec<String>, EngineError> {
        let store = cancellable(&self.store, cancel);
        let tracked = track(&store, cancel)?;
        let (forward, mut archive) = ArchiveReader::new(archive);
        let load = move || {
            let _tracked = tracked;
            let loaded = store.import(&mut archive);
            loaded.map_err(failed(Operation::Load, "the archive"))
        };
        let work = async { join(blocking(load), forward).await.0 };
        let loaded = or_interrupted(work, cancel).await?;
        Ok(loaded.iter().flat_map(names).collect())
    }

    fn export(&self, image: &ImageRef, cancel: &CancelToken) -> ArchiveStream<'static> {
        self.archive(image, None, StoredContent::default(), cancel)
    }
}

/// Removes the name, or all names if it is an ID, and then the content that no image uses. Returns a line for each
/// removed item.
fn remove_names(
    store: &Store,
    name: &ImageRef,
    image: &StoredImage,
) -> Result<Vec<String>, StoreError> {
    let mut removed = Vec::new();
    if store.untag(name)? {
        removed.push(format!("untagged {}", name.normalised()));
    } else {
        let names = store.remove_id(image.id())?;
        removed.extend(names.iter().map(|name| format!("untagged {name}")));
    }
    if store.find_id(image.id())?.is_none() {
        store.collect()?;
        removed.push(format!("deleted {}", image.id()));
    }
    Ok(removed)
}

/// Returns the names of the loaded images, or the ID of one without a name.
fn names(loaded: &Loaded) -> Vec<String> {
    if loaded.names.is_empty() {
        return vec![loaded.id.to_string()];
    }
    loaded.names.iter().map(ToString::to_string).collect()
}

fn summary(image: &StoredImage) -> ImageSummary {
    let created = image.config().created.as_deref();
    ImageSummary {
        id: image.id().to_string(),
        names: image.names().iter().map(ToString::to_string).collect(),
        size: image.size(),
        created: created.and_then(s2i_core::image::parse_timestamp),
    }
}
