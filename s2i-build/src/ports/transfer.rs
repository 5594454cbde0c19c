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

    /// Reads an archive of images, as `docker save` and OCI tools write them, and returns their names, or the ids of
    /// those without one. An engine that has received the whole archive and can't stop is waited for, and a
    /// cancellation is not an error then.
    fn load(
        &self,
        archive: ArchiveStream<'static>,
        cancel: &CancelToken,
    ) -> impl Future<Output = Result<Vec<String>, EngineError>> + Send;

    /// Streams an image out as such an archive. For an image that is not there the first piece of the stream is an
    /// error with an [`EngineError`] inside.
    fn export(&self, image: &ImageRef, cancel: &CancelToken) -> ArchiveStream<'static>;
}

/// The content that an engine has in full and that need not be sent, by digests as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Images, by the digest that the engine knows them by: that of the config or that of the manifest. An image that
    /// is known by its manifest is there with all archives that the manifest names.
    pub images: BTreeSet<String>,
    /// Layers that an archive of an image may leave out in any form, by the digest of their plain archive.
    pub layers: BTreeSet<String>,
}

/// The result of a push.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// The digest that the registry knows the image by, if the engine gives it.
    pub digest: Option<String>,
}
