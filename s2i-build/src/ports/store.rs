//! The port to the images that an engine has.

use std::collections::BTreeSet;

use s2i_core::ImageRef;
use serde::Serialize;

use super::{Committed, EngineError};

/// Lists, names and removes images. A reference to an image is its name or its id or the beginning of the id; a name
/// comes first. An image that is not there is [`EngineError::NoSuchImage`].
pub trait ImageStore: Send + Sync {
    /// Lists all images.
    fn list(&self) -> impl Future<Output = Result<Vec<ImageSummary>, EngineError>> + Send;

    /// Takes a name from an image; with its last name the image goes. An id stands for all names. Returns a line for
    /// each thing that was removed.
    fn remove(
        &self,
        image: &ImageRef,
    ) -> impl Future<Output = Result<Vec<String>, EngineError>> + Send;

    /// Gives an image one more name, which another image may lose by that.
    fn tag(
        &self,
        image: &ImageRef,
        name: &ImageRef,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Removes images without a name and everything that is not needed any more.
    fn prune(&self) -> impl Future<Output = Result<Pruned, EngineError>> + Send;

    /// Gives a name to an image that was committed without one. The image is the one of this id, also where another
    /// image has the id as its name.
    fn tag_committed(
        &self,
        committed: &Committed,
        name: &ImageRef,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Removes an image that was committed without a name. Where builds are deterministic the same image may have
    /// been made before: if it has a name, it stays.
    fn remove_committed(
        &self,
        committed: &Committed,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;
}

/// An image in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageSummary {
    /// The id in the engine.
    pub id: String,
    /// Its names, whole and sorted; none for an image that lost its name to another.
    pub names: BTreeSet<String>,
    /// Its size as the engine counts it, in bytes.
    pub size: u64,
    /// The time of creation in its config, in seconds since 1970.
    pub created: Option<i64>,
}

/// The result of a prune.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// A line for each thing that was removed.
    pub removed: Vec<String>,
    /// The room that this gave, in bytes.
    pub bytes: u64,
}
