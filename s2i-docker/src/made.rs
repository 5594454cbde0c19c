//! An image that was committed from a container: its tag, and its removal when it is not needed any more.

use bollard::{
    Docker,
    query_parameters::{RemoveImageOptionsBuilder, TagImageOptionsBuilder},
};
use s2i_build::{EngineError, ports::Operation};
use s2i_core::ImageRef;

use crate::error::failed;

/// Tags the image of this ID.
pub(crate) async fn name(
    docker: &Docker,
    endpoint: &str,
    id: &str,
    tag: &ImageRef,
) -> Result<(), EngineError> {
    let options = TagImageOptionsBuilder::new()
        .repo(&tag.name())
        .tag(tag.tag_or_latest())
        .build();
    let tagged = docker.tag_image(id, Some(options)).await;
    tagged.map_err(failed(Operation::TagImage, tag.to_string(), endpoint))
}

/// Removes the image of this ID.
pub(crate) async fn remove(docker: &Docker, endpoint: &str, id: &str) -> Result<(), EngineError> {
    let options = RemoveImageOptionsBuilder::new().force(true).build();
    let removed = docker.remove_image(id, Some(options), None).await;
    removed
        .map(drop)
        .map_err(failed(Operation::RemoveImage, id, endpoint))
}
