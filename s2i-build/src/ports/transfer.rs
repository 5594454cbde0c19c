//! The port that moves images to and from an engine.

use std::collections::BTreeSet;

use s2i_core::ImageRef;
use serde::Serialize;

use super::EngineError;
use crate::{cancel::CancelToken, context::BuildContext, stream::ArchiveStream};

/// Moves images to and from an engine. Images are referred to as in an [`ImageStore`](super::ImageStore).
pub trait ImageTransfer: Send + Sync {
    /// Sends an image to the registry in its name.
    fn push(
        &self,
        image: &ImageRef,
        context: BuildContext<'_>,
    ) -> impl Future<Output = Result<Pushed, EngineError>> + Send;

    /// Reads an archive of images, as `docker save` and OCI tools write them, and returns their names, or the IDs of
    /// those without one. If an engine has received the whole archive and can't stop, the call waits for it, and a
    /// cancellation is not an error then.
    fn load(
        &self,
        archive: ArchiveStream<'static>,
        cancel: &CancelToken,
    ) -> impl Future<Output = Result<Vec<String>, EngineError>> + Send;

    /// Streams an image out as such an archive. For a missing image, the first piece of the stream is an error with an
    /// [`EngineError`] inside.
    fn export(&self, image: &ImageRef, cancel: &CancelToken) -> ArchiveStream<'static>;
}

/// The content that an engine has completely and that need not be sent, by digests as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredContent {
    /// Images, by the digest that identifies them in the engine: that of the config or that of the manifest. Of an
    /// image that is identified by its manifest, the engine has all blobs of the manifest.
    pub images: BTreeSet<String>,
    /// Layers that an archive of an image may leave out in any compression, by the digest of the uncompressed archive.
    pub layers: BTreeSet<String>,
}

/// The result of a push.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// The digest of the image in the registry, if the engine reports it.
    pub digest: Option<String>,
}
