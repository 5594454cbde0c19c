//! The port to the images that an engine has.

use std::collections::BTreeSet;

use s2i_core::ImageRef;
use serde::Serialize;

use super::{Committed, EngineError};

/// Lists, names and removes images. A reference to an image is its name or its ID or a prefix of the ID; names have
/// precedence. A missing image is [`EngineError::NoSuchImage`].
pub trait ImageStore: Send + Sync {
    /// Lists all images.
    fn list(&self) -> impl Future<Output = Result<Vec<ImageSummary>, EngineError>> + Send;

    /// Removes a name from an image, and the image with its last name. An ID stands for all names. Returns a line for
    /// each removed item.
    fn remove(
        &self,
        image: &ImageRef,
    ) -> impl Future<Output = Result<Vec<String>, EngineError>> + Send;

    /// Gives an image one more name. Another image that has this name loses it.
    fn tag(
        &self,
        image: &ImageRef,
        name: &ImageRef,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Removes images without a name and all content that is not used any more.
    fn prune(&self) -> impl Future<Output = Result<Pruned, EngineError>> + Send;

    /// Gives one more name, or its first one, to an image that was committed. It is identified by its ID, even if that is also the
    /// name of another image.
    fn tag_committed(
        &self,
        committed: &Committed,
        name: &ImageRef,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Removes an image that was committed without a name. A deterministic build may have made the same image before:
    /// if it has a name, it is kept.
    fn remove_committed(
        &self,
        committed: &Committed,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;
}

/// An image in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageSummary {
    /// The ID in the engine.
    pub id: String,
    /// Its full names, sorted; none for an image that lost its name to another.
    pub names: BTreeSet<String>,
    /// Its size as the engine counts it, in bytes.
    pub size: u64,
    /// The time of creation in its config, in seconds since 1970.
    pub created: Option<i64>,
}

/// The result of a prune.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// A line for each removed item.
    pub removed: Vec<String>,
    /// The freed space, in bytes.
    pub bytes: u64,
}
