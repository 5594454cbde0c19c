//! The images of an engine over the API: tagging, removal, push, load and export.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use bollard::{
    models::ImageInspect,
    query_parameters::{
        ImportImageOptions, ListImagesOptions, PruneImagesOptionsBuilder, PushImageOptionsBuilder,
        RemoveImageOptions,
    },
};
use futures_util::{
    StreamExt as _, TryStreamExt as _,
    future::{Either, select},
};
use s2i_build::{
    BuildContext, CancelToken, EngineError, Notice, Resource,
    event::Progress,
    ports::{
        Committed, ImageDescription, ImageInspector, ImageStore, ImageSummary, ImageTransfer,
        Operation, Pruned, Pushed,
    },
    stream::ArchiveStream,
};
use s2i_core::ImageRef;

use crate::{
    DockerEngine,
    client::{Client, is_only_the_end, status},
    convert, transfers,
};

/// The number of attempts to list the images of an engine.
const LISTINGS: usize = 5;
const LISTING_PAUSE: Duration = Duration::from_millis(100);

impl ImageStore for DockerEngine {
    async fn list(&self) -> Result<Vec<ImageSummary>, EngineError> {
        let mut attempts = 1;
        let listed = loop {
            match self.client.list_images(None::<ListImagesOptions>).await {
                // Podman inspects one image after the other, and fails when one is removed meanwhile.
                Err(err) if status(&err) == Some(500) && attempts < LISTINGS => {
                    attempts += 1;
                    tokio::time::sleep(LISTING_PAUSE).await;
                }
                listed => break listed,
            }
        };
        let images = listed.map_err(self.client.failed(Operation::List, "its images"))?;
        Ok(images.into_iter().map(convert::summary).collect())
    }

    async fn remove(&self, image: &ImageRef) -> Result<Vec<String>, EngineError> {
        let found = find(&self.client, image).await?;
        let mut lines = Vec::new();
        for name in found.references_to_remove() {
            let removing = self
                .client
                .remove_image(&name, None::<RemoveImageOptions>, None);
            let removed = removing.await;
            let removed = removed.map_err(self.client.failed(Operation::RemoveImage, name))?;
            lines.extend(convert::removed(removed));
        }
        Ok(lines)
    }

    async fn tag(&self, image: &ImageRef, name: &ImageRef) -> Result<(), EngineError> {
        let found = find(&self.client, image).await?;
        self.client.tag(&found.id, name).await
    }

    async fn prune(&self) -> Result<Pruned, EngineError> {
        let filters = HashMap::from([("dangling", vec!["true"])]);
        let options = PruneImagesOptionsBuilder::new().filters(&filters).build();
        let pruned = self.client.prune_images(Some(options)).await;
        let pruned = pruned.map_err(self.client.failed(Operation::Prune, "its images"))?;
        let bytes = pruned.space_reclaimed.unwrap_or_default();
        Ok(Pruned {
            removed: convert::removed(pruned.images_deleted.unwrap_or_default()).collect(),
            bytes: u64::try_from(bytes).unwrap_or_default(),
        })
    }

    async fn tag_committed(
        &self,
        committed: &Committed,
        name: &ImageRef,
    ) -> Result<(), EngineError> {
        self.client.tag(&committed.id, name).await
    }

    async fn remove_committed(&self, committed: &Committed) -> Result<(), EngineError> {
        self.client.remove(&committed.id).await
    }
}

impl ImageInspector for DockerEngine {
    async fn describe(&self, image: &ImageRef) -> Result<ImageDescription, EngineError> {
        let inspect = self.client.find_image(image).await?;
        let inspect = inspect.ok_or_else(|| EngineError::NoSuchImage {
            image: image.clone(),
        })?;
        Ok(convert::description(image, inspect))
    }
}

impl ImageTransfer for DockerEngine {
    async fn push(
        &self,
        image: &ImageRef,
        context: BuildContext<'_>,
    ) -> Result<Pushed, EngineError> {
        let push = async {
            find(&self.client, image).await?;
            self.send(image, context.progress).await?;
            let found = find(&self.client, image).await?;
            Ok(Pushed {
                digest: convert::digest_of(image, &found.digests),
            })
        };
        context.or_interrupted(push).await
    }

    async fn load(
        &self,
        archive: ArchiveStream<'static>,
        cancel: &CancelToken,
    ) -> Result<Vec<String>, EngineError> {
        let _load = cancel.track(Resource::Load(self.client.url().into()))?;
        let (archive, is_sent) = with_mark(archive);
        let loading = std::pin::pin!(self.take(archive));
        match select(std::pin::pin!(cancel.cancelled()), loading).await {
            Either::Right((loaded, _)) => loaded,
            // An engine that refuses the archive then has loaded nothing, as requested.
            Either::Left((reason, loading)) if is_sent.load(Ordering::Relaxed) => {
                loading.await.map_err(|_| EngineError::Interrupted(reason))
            }
            // Closing the connection ends the load.
            Either::Left((reason, _)) => Err(EngineError::Interrupted(reason)),
        }
    }

    fn export(&self, image: &ImageRef, _cancel: &CancelToken) -> ArchiveStream<'static> {
        let (client, image) = (self.client.clone(), image.clone());
        let open = async move {
            let found = find(&client, &image).await.map_err(io::Error::other)?;
            let archive = client.export_image(&found.unique_reference());
            let failed = client.failed(Operation::Export, image.to_string());
            Ok::<_, io::Error>(archive.map_err(move |err| io::Error::other(failed.clone()(err))))
        };
        futures_util::stream::once(open).try_flatten().boxed()
    }
}

impl DockerEngine {
    async fn take(&self, archive: ArchiveStream<'static>) -> Result<Vec<String>, EngineError> {
        let options = ImportImageOptions::default();
        let mut load = self.client.import_image_stream(options, archive, None);
        let mut loaded = Vec::new();
        while let Some(step) = load.next().await {
            if step.as_ref().is_err_and(is_only_the_end) {
                break;
            }
            let step = step.map_err(self.client.failed(Operation::Load, "the archive"))?;
            // `Loaded image: NAME`, or `Loaded image ID: ID`.
            let line = step.stream.unwrap_or_default();
            let parts = line.trim().split_once(": ");
            loaded.extend(parts.map(|(_, name)| name.to_owned()));
        }
        Ok(loaded)
    }

    async fn send(&self, image: &ImageRef, progress: &Progress<'_>) -> Result<(), EngineError> {
        progress.notice(Notice::Pushing {
            image: image.clone(),
        });
        let options = PushImageOptionsBuilder::new().tag(image.tag_or_latest());
        let credentials = self.credentials(image).await;
        let credentials = credentials.map_err(|source| EngineError::Failed {
            operation: Operation::Push,
            subject: image.to_string(),
            source,
        })?;
        let name = image.name();
        let mut push = self
            .client
            .push_image(&name, Some(options.build()), credentials);
        let mut steps = transfers::Push::new(progress);
        while let Some(step) = push.next().await {
            if step.as_ref().is_err_and(is_only_the_end) {
                break;
            }
            let step = step.map_err(self.client.failed(Operation::Push, image.to_string()))?;
            steps.step(step);
        }
        Ok(())
    }
}

/// Returns the same archive and a flag that is set when its end was reached.
fn with_mark(archive: ArchiveStream<'static>) -> (ArchiveStream<'static>, Arc<AtomicBool>) {
    let is_sent = Arc::new(AtomicBool::new(false));
    let mark = Arc::clone(&is_sent);
    let end = futures_util::stream::poll_fn(move |_| {
        mark.store(true, Ordering::Relaxed);
        Poll::Ready(None)
    });
    (archive.chain(end).boxed(), is_sent)
}

/// An image of the engine and the reference that it was found by.
struct FoundImage {
    requested: String,
    id: String,
    /// The requested name as the engine lists it, if it is one of the image's names.
    name: Option<String>,
    names: Vec<String>,
    digests: Vec<String>,
}

async fn find(client: &Client, image: &ImageRef) -> Result<FoundImage, EngineError> {
    let inspect = client.find_image(image).await?;
    let inspect = inspect.ok_or_else(|| EngineError::NoSuchImage {
        image: image.clone(),
    })?;
    Ok(FoundImage::new(image, inspect))
}

impl FoundImage {
    fn new(image: &ImageRef, inspect: ImageInspect) -> Self {
        let names = inspect.repo_tags.unwrap_or_default();
        let is_it = |name: &&String| {
            let name = name.parse::<ImageRef>();
            name.is_ok_and(|name| name.normalised() == image.normalised())
        };
        Self {
            requested: image.to_string(),
            id: inspect.id.unwrap_or_default(),
            name: names.iter().find(is_it).cloned(),
            names,
            digests: inspect.repo_digests.unwrap_or_default(),
        }
    }

    /// Returns whether the reference is the ID or a prefix of it.
    fn is_by_id(&self) -> bool {
        let digits = |id: &str| id.strip_prefix("sha256:").unwrap_or(id).to_owned();
        self.name.is_none() && digits(&self.id).starts_with(&digits(&self.requested))
    }

    /// Returns the references to remove: an ID stands for all names.
    fn references_to_remove(&self) -> Vec<String> {
        if self.is_by_id() && !self.names.is_empty() {
            return self.names.clone();
        }
        vec![self.requested.clone()]
    }

    /// Returns the reference of this one image. A name without a tag would mean all tags to the engine.
    fn unique_reference(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.id.clone())
    }
}
