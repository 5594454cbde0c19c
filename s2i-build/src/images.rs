//! The port to whatever keeps images: listing, moving and starting them, beside building.

use std::collections::BTreeSet;

use s2i_core::{EnvVar, ImageRef, wire::Exit};
use serde::Serialize;

use crate::{
    cancel::CancelToken,
    engine::EngineError,
    event::Progress,
    facts::ImageFacts,
    request::{Limits, Network},
    stream::ArchiveStream,
};

/// Keeps images and starts them. Wherever an image is named, its id or the beginning of one does too,
/// unless an image has that name. One that is not there is [`EngineError::NoSuchImage`].
pub trait Images: Send + Sync {
    /// Every image.
    fn list(&self) -> impl Future<Output = Result<Vec<ImageSummary>, EngineError>> + Send;

    /// Takes a name from an image; with its last name goes the image. An id takes all names. Gives a
    /// line for each thing that went.
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

    /// Sends an image to the registry that its name names.
    fn push(
        &self,
        image: &ImageRef,
        progress: &Progress<'_>,
        cancel: &CancelToken,
    ) -> impl Future<Output = Result<Pushed, EngineError>> + Send;

    /// Takes in an archive of images, as `docker save` and OCI tools write them, and gives their names,
    /// or the ids of those without one. An engine that has all of the archive and can't stop is waited
    /// for, and then it is no error that everything is to stop.
    fn load(
        &self,
        archive: ArchiveStream<'static>,
        cancel: &CancelToken,
    ) -> impl Future<Output = Result<Vec<String>, EngineError>> + Send;

    /// Streams an image out as such an archive. An image that is not there fails the stream's first
    /// piece with an [`EngineError`] inside the error.
    fn export(&self, image: &ImageRef, cancel: &CancelToken) -> ArchiveStream<'static>;

    /// Removes images without a name and what nothing needs any more.
    fn prune(&self) -> impl Future<Output = Result<Pruned, EngineError>> + Send;

    /// Starts the command of an image and waits for it; what it writes is told as events. Stopping it
    /// passes the reason on as a signal, and after ten seconds ends it; how it ended is no error then
    /// either. Nothing of it stays.
    fn launch(
        &self,
        launch: &Launch<'_>,
        progress: &Progress<'_>,
        cancel: &CancelToken,
    ) -> impl Future<Output = Result<Exit, EngineError>> + Send;
}

/// An image in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageSummary {
    /// What the engine calls it.
    pub id: String,
    /// Its names, whole and sorted; none for an image that lost its name to another.
    pub names: BTreeSet<String>,
    /// Its size as the engine counts it, in bytes.
    pub size: u64,
    /// When its config says that it was made, in seconds since 1970, where it says so.
    pub created: Option<i64>,
}

/// Digests, as text, of what an engine has whole, and need not be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Images, by what the engine knows them by: the digest of the config or that of the manifest. What
    /// is known by its manifest is there with all archives that the manifest names.
    pub images: BTreeSet<String>,
    /// Layers that an archive of an image may leave out in any form, by the digest of their plain
    /// archive.
    pub layers: BTreeSet<String>,
}

/// What became of a push.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// The digest that the registry knows the image by, where the engine tells it.
    pub digest: Option<String>,
}

/// What a prune removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// What went, one line each.
    pub removed: Vec<String>,
    /// How much room that gave, in bytes.
    pub bytes: u64,
}

/// A container that runs an image's own command.
#[derive(Clone, Debug)]
pub struct Launch<'a> {
    /// The image.
    pub image: &'a ImageFacts,
    /// In place of the command of the image, if there are any.
    pub args: Vec<String>,
    /// Beside the variables of the image.
    pub env: Vec<EnvVar>,
    /// In place of the user of the image, in the notation of image configs.
    pub user: Option<String>,
    /// What it reaches, and what reaches it.
    pub network: Network,
    /// What it may use.
    pub limits: Limits,
    /// Ports of the host that lead to ports of the container.
    pub ports: Vec<Publish>,
    /// Whether its file system can't be written to, but for `/tmp`.
    pub read_only: bool,
}

/// A port of the host that leads to a port of the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    /// On the host, on all its addresses.
    pub host: u16,
    /// In the container, TCP.
    pub container: u16,
}
