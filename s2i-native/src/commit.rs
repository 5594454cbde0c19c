//! From what a container changed to an image.

use s2i_build::{
    CancelToken, EngineError,
    engine::{Commit, Committed},
};
use s2i_oci::{
    Digest,
    config::{History, ImageConfig, timestamp},
    overlay::Clamp,
    store::{LayerSource, NewImage, StoredImage},
};

use crate::{error::failed, facts, place::Place};

/// What Docker adds to configs of images that it committed itself; of no meaning elsewhere.
const OF_A_CONTAINER: [&str; 3] = ["container", "container_config", "docker_version"];

/// Makes the image. The container has ended.
pub(crate) fn commit(
    place: &Place,
    commit: &Commit,
    cancel: &CancelToken,
) -> Result<Committed, EngineError> {
    let name = || match &commit.tag {
        Some(tag) => tag.to_string(),
        None => "an image without a name".into(),
    };
    let clamp = Clamp {
        after: place.started,
        mtime: commit.mtime,
    };
    let adopted = place.store.adopt(&place.upper(), Some(&clamp));
    let layer = adopted.map_err(failed("commit the layer of", name()))?;
    // The last moment at which nothing has come of it.
    if let Some(reason) = cancel.reason() {
        return Err(EngineError::Interrupted(reason));
    }
    let below = place.base.layers().map(LayerSource::Stored);
    let image = NewImage {
        config: config(&place.base, commit, layer.diff_id()),
        layers: below.chain([LayerSource::Adopted(layer)]).collect(),
    };
    let stored = place.store.publish(image, commit.tag.as_ref());
    let stored = stored.map_err(failed("commit the image", name()))?;
    Ok(Committed {
        id: stored.id().to_string(),
        size: stored.size(),
    })
}

fn config(base: &StoredImage, commit: &Commit, layer: Digest) -> ImageConfig {
    let mut config = base.config().clone();
    let created = Some(timestamp(commit.mtime));
    config.created.clone_from(&created);
    config.author = None;
    config.config = facts::container_config(&commit.config);
    config
        .other
        .retain(|name, _| !OF_A_CONTAINER.contains(&name.as_str()));
    config.rootfs.diff_ids.push(layer);
    config.history.push(History {
        created,
        created_by: Some("s2i build".into()),
        ..History::default()
    });
    config
}
