//! Committing the changes of a container as an image.

use s2i_build::{
    CancelToken, EngineError,
    event::Progress,
    ports::{Commit, Committed, Operation},
};
use s2i_core::{
    ImageRef,
    image::{ImageConfig, format_timestamp},
};
use s2i_oci::{
    Digest,
    overlay::Clamp,
    store::{LayerSource, NewImage, Store, StoredImage},
};

use crate::{bundle::Bundle, error::failed, unchanged};

/// Makes the image of a container that has ended.
pub(crate) fn commit(
    bundle: &Bundle,
    commit: &Commit,
    cancel: &CancelToken,
) -> Result<Committed, EngineError> {
    let name = || match &commit.tag {
        Some(tag) => tag.to_string(),
        None => "an image without a name".into(),
    };
    let clamp = Clamp {
        after: bundle.started,
        times: commit.times,
    };
    let trees = bundle.layers(&bundle.base, &Progress::new(&()))?;
    let removed = unchanged::remove(&bundle.upper(), &trees, bundle.store.dialect());
    removed.map_err(failed(Operation::CommitLayer, name()))?;
    let adopted = bundle.store.adopt(&bundle.upper(), Some(&clamp));
    // The last moment at which a cancelled build leaves no image.
    if let Some(reason) = cancel.reason() {
        return Err(EngineError::Interrupted(reason));
    }
    let layer = adopted.map_err(failed(Operation::CommitLayer, name()))?;
    let below = bundle.base.layers().map(LayerSource::Stored);
    let image = NewImage {
        config: config(&bundle.base, commit, layer.diff_id()),
        layers: below.chain([LayerSource::Adopted(layer)]).collect(),
    };
    let stored = bundle.store.publish(image, commit.tag.as_ref());
    let stored = stored.map_err(failed(Operation::CommitImage, name()))?;
    Ok(Committed {
        id: stored.id().to_string(),
        size: stored.size(),
        labels: stored.config().config.labels.clone(),
    })
}

/// Tags an image that was made without a name.
pub(crate) fn tag(store: &Store, id: &str, name: &ImageRef) -> Result<(), EngineError> {
    let found = store.find_id(digest(id)?);
    let found = found.map_err(failed(Operation::FindImage, id))?;
    let missing = || failed(Operation::FindImage, id)("it was removed meanwhile");
    let tagged = store.tag(&found.ok_or_else(missing)?, name);
    tagged.map_err(failed(Operation::TagImage, name))
}

/// Removes an image that was made without a name, unless it was tagged since.
pub(crate) fn remove(store: &Store, id: &str) -> Result<(), EngineError> {
    let removed = store.remove_unnamed(digest(id)?);
    let removed = removed.and_then(|()| store.collect().map(drop));
    removed.map_err(failed(Operation::RemoveImage, id))
}

fn digest(id: &str) -> Result<Digest, EngineError> {
    id.parse().map_err(failed(Operation::FindImage, id))
}

fn config(base: &StoredImage, commit: &Commit, layer: Digest) -> ImageConfig {
    let created = format_timestamp(commit.times.new);
    base.config()
        .with_layer(layer, commit.config.clone(), created)
}

#[cfg(test)]
mod tests {
    use s2i_core::image::Platform;

    use super::*;

    #[test]
    fn unnamed_image_is_tagged_or_removed() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path()).unwrap();
        let publish = || {
            let image = NewImage {
                config: ImageConfig::new(Platform::linux("amd64")),
                layers: Vec::new(),
            };
            store.publish(image, None).unwrap().id().to_string()
        };
        let names = || -> Vec<_> {
            let images = store.list().unwrap();
            images.iter().map(|image| image.names().to_vec()).collect()
        };
        let id = publish();
        remove(&store, &id).unwrap();
        assert!(names().is_empty());
        let tag: ImageRef = "docker.io/library/app:latest-build".parse().unwrap();
        assert!(super::tag(&store, &id, &tag).is_err());
        assert_eq!(publish(), id);
        super::tag(&store, &id, &tag).unwrap();
        // Another build may have made the same image.
        assert_eq!(publish(), id);
        remove(&store, &id).unwrap();
        assert_eq!(names(), [[tag]]);
    }
}
