//! The port that describes images.

use std::collections::BTreeSet;

use s2i_core::ImageRef;
use serde::Serialize;

use super::EngineError;
use crate::facts::ImageFacts;

/// Describes images that an engine has.
pub trait ImageInspector: Send + Sync {
    /// Returns the description of an image, which is referred to as in an [`ImageStore`](super::ImageStore) and never
    /// pulled.
    ///
    /// # Errors
    /// [`EngineError::NoSuchImage`] when the engine does not have it.
    fn describe(
        &self,
        image: &ImageRef,
    ) -> impl Future<Output = Result<ImageDescription, EngineError>> + Send;
}

/// An image as an engine or a registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageDescription {
    /// Its ID, platform and config.
    pub facts: ImageFacts,
    /// Its full names, sorted.
    pub names: BTreeSet<String>,
    /// The time of creation in its config, in seconds since 1970.
    pub created: Option<i64>,
    /// Its size in bytes, as the engine counts it; in a registry, that of its compressed layers.
    pub size: Option<u64>,
    /// Its layers, lowest first.
    pub layers: Vec<LayerDescription>,
}

/// A layer of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerDescription {
    /// The digest of its uncompressed archive, `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// The size of its archive in bytes, compressed or not, where it is known.
    pub size: Option<u64>,
}
