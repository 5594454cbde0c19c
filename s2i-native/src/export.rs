//! Exporting an image as an archive, for an engine that may have some of its layers.

use std::{collections::BTreeSet, io};

use s2i_build::{
    CancelToken, EngineError,
    ports::{Operation, StoredContent},
    stream::{ArchiveStream, pieces_of},
};
use s2i_core::ImageRef;
use s2i_oci::{
    Digest,
    store::{Store, StoreError, StoredImage, StoredLayer},
};

use crate::{
    engine::NativeEngine,
    error::{failed, no_such_image},
    tracked::{cancellable, track},
};

impl NativeEngine {
    /// Returns the id of the image at a destination with these images, or `None` if it lacks the image.
    ///
    /// # Errors
    /// [`EngineError::NoSuchImage`], or a failure of the store.
    pub async fn id_at_destination(
        &self,
        image: &ImageRef,
        there: &StoredContent,
    ) -> Result<Option<String>, EngineError> {
        let stored = self.get(image).await?;
        let names = [stored.id(), stored.manifest_digest()].map(|digest| digest.to_string());
        Ok(names.into_iter().find(|name| there.images.contains(name)))
    }

    /// Exports the image with these names, without the lowest layers that are present at the destination. Otherwise
    /// like [`ImageTransfer::export`](s2i_build::ports::ImageTransfer::export).
    #[must_use]
    pub fn export_missing_layers(
        &self,
        image: &ImageRef,
        names: Vec<ImageRef>,
        there: StoredContent,
        cancel: &CancelToken,
    ) -> ArchiveStream<'static> {
        self.archive(image, Some(names), there, cancel)
    }

    /// Returns an archive of the image, with these names or its own.
    pub(crate) fn archive(
        &self,
        image: &ImageRef,
        names: Option<Vec<ImageRef>>,
        there: StoredContent,
        cancel: &CancelToken,
    ) -> ArchiveStream<'static> {
        let store = cancellable(&self.store, cancel);
        let (asked, tracked) = (image.clone(), track(&store, cancel));
        pieces_of(move |out| {
            let _tracked = tracked.map_err(io::Error::other)?;
            let cannot = |err: StoreError| io::Error::other(failed(Operation::Export, &asked)(err));
            let found = store.find(&asked).map_err(cannot)?;
            let stored = found.ok_or_else(|| io::Error::other(no_such_image(&asked)))?;
            let layers = layers_of_manifests(&store, &there).map_err(cannot)?;
            let omit = |layer: &StoredLayer| {
                there.layers.contains(&layer.diff_id.to_string())
                    || layers.contains(&layer.descriptor.digest)
            };
            let names = names.unwrap_or_else(|| own_names(&stored, &asked));
            store
                .export(&[(&stored, names)], &omit, out)
                .map_err(cannot)
        })
    }
}

/// Returns the digests of the layers of the manifests at the destination that this store knows.
fn layers_of_manifests(
    store: &Store,
    there: &StoredContent,
) -> Result<BTreeSet<Digest>, StoreError> {
    if there.images.is_empty() {
        return Ok(BTreeSet::new());
    }
    let is_there =
        |image: &StoredImage| there.images.contains(&image.manifest_digest().to_string());
    let images = store.list()?.into_iter().filter(is_there);
    let layers = images.flat_map(|image| image.layers().collect::<Vec<_>>());
    Ok(layers.map(|layer| layer.descriptor.digest).collect())
}

/// Returns the names of the image in the archive: the one that was asked for, or all if that was an id.
fn own_names(image: &StoredImage, asked: &ImageRef) -> Vec<ImageRef> {
    let is_it = |known: &ImageRef| known.normalised() == asked.normalised();
    if image.names().iter().any(is_it) {
        return vec![asked.clone()];
    }
    image.names().to_vec()
}
