//! Images on their way between the store and registries.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use s2i_build::{
    BuildContext, EngineError, Notice,
    event::Progress,
    ports::{BoxError, Operation, Pushed},
    transfer::{TransferKind, TransferReporter},
};
use s2i_core::{ImageRef, image::Platform};
use s2i_oci::{
    Digest,
    manifest::Descriptor,
    store::{Store, StoredImage},
};

use crate::{
    engine::{NativeEngine, with_progress},
    error::{blocking, failed},
    push,
    tracked::{TrackedWork, cancellable},
};

impl NativeEngine {
    /// Pulls the image for this machine's processor. Layers that are there are not downloaded. The future may be dropped
    /// at any time.
    pub(crate) async fn pull(
        &self,
        image: &ImageRef,
        context: BuildContext<'_>,
    ) -> Result<StoredImage, EngineError> {
        let platform = Platform::of_this_machine();
        let pulled = self.registry.manifest(image, &platform).await;
        let pulled = pulled.map_err(pull_error(image))?;
        let store = cancellable(&self.store, context.cancel);
        let allowed = store.check_download(&pulled.manifest.layers);
        allowed.map_err(failed(Operation::Pull, image))?;
        let (within, token) = (store.clone(), context.cancel.clone());
        let cannot = failed(Operation::PullInto, "the store");
        let work = blocking(move || TrackedWork::make(&within, &[], &token, cannot));
        let pulling = Pulling {
            image,
            store: store.clone(),
            work: Arc::new(work.await?),
        };
        let reporter = context.progress.transfer(TransferKind::Pull);
        let counter = Counter::new(reporter, &pulled.manifest.layers);
        let layers = pulled.manifest.layers.iter();
        let downloads = layers.map(|layer| self.download(&pulling, layer, &counter));
        let downloads = stream::iter(downloads.collect::<Vec<_>>());
        let downloads = downloads.buffer_unordered(self.registry.parallel());
        downloads.try_collect::<()>().await?;
        drop(counter);
        let (name, work) = (image.clone(), pulling.work);
        blocking(move || {
            let (manifest, config) = (&pulled.manifest_bytes, &pulled.config_bytes);
            let published = store.publish_pulled(manifest, config, &name);
            // Until now it has protected the layers.
            drop(work);
            published.map_err(failed(Operation::KeepImage, &name))
        })
        .await
    }

    /// Downloads a layer, unless it is there.
    async fn download(
        &self,
        pulling: &Pulling<'_>,
        layer: &Descriptor,
        counter: &Counter<'_>,
    ) -> Result<(), EngineError> {
        let Pulling { image, store, work } = pulling;
        let (store, work, blob) = (store.clone(), Arc::clone(work), layer.clone());
        let open = move || {
            let partial = store.partial(&work, &blob);
            partial.map_err(failed(Operation::KeepLayer, blob.digest))
        };
        let Some(partial) = blocking(open).await? else {
            counter.at(layer, layer.size);
            return Ok(());
        };
        let report = |bytes| counter.at(layer, bytes);
        let downloaded = self.registry.blob(image, layer, partial.path(), &report);
        downloaded.await.map_err(pull_error(image))?;
        let digest = layer.digest;
        blocking(move || {
            let kept = partial.finish();
            kept.map_err(failed(Operation::KeepLayer, digest))
        })
        .await
    }

    /// Pushes an image to its registry. The future may be dropped at any time.
    pub(crate) async fn send(
        &self,
        image: &ImageRef,
        context: BuildContext<'_>,
    ) -> Result<Pushed, EngineError> {
        let stored = self.get(image).await?;
        let (store, name) = (self.store.clone(), image.clone());
        let cancel = context.cancel.clone();
        context.progress.notice(Notice::Pushing {
            image: image.clone(),
        });
        let compression = self.compression;
        let prepare = move |progress: &Progress<'_>| {
            push::prepare(&store, &stored, &name, compression, progress, &cancel)
        };
        let prepared = with_progress(context.progress, prepare).await?;
        let blobs = prepared.push.blobs.iter().map(|blob| &blob.descriptor);
        let counter = Counter::new(context.progress.transfer(TransferKind::Push), blobs);
        let report = |blob: &Descriptor, bytes| counter.at(blob, bytes);
        let pushed = self.registry.push(image, &prepared.push, &report).await;
        let pushed = pushed.map_err(failed(Operation::Push, image))?;
        Ok(Pushed {
            digest: Some(pushed.digest.to_string()),
        })
    }
}

fn pull_error<E: Into<BoxError>>(image: &ImageRef) -> impl FnOnce(E) -> EngineError {
    |source| EngineError::Pull {
        image: image.clone(),
        source: source.into(),
    }
}

/// An image that is being pulled.
struct Pulling<'a> {
    image: &'a ImageRef,
    store: Store,
    /// Protects the layers that have come so far.
    work: Arc<TrackedWork>,
}

/// Reports the transfers of several blobs as one.
struct Counter<'a> {
    reporter: TransferReporter<'a>,
    total: u64,
    done: Mutex<BTreeMap<Digest, u64>>,
}

impl<'a> Counter<'a> {
    fn new<'b>(
        reporter: TransferReporter<'a>,
        blobs: impl IntoIterator<Item = &'b Descriptor>,
    ) -> Self {
        Self {
            reporter,
            total: sum(blobs.into_iter().map(|blob| blob.size)),
            done: Mutex::default(),
        }
    }

    fn at(&self, blob: &Descriptor, bytes: u64) {
        let mut done = self.done.lock().expect("no panic under this lock");
        done.insert(blob.digest, bytes);
        let sum = sum(done.values().copied());
        self.reporter.report(sum, Some(self.total));
    }
}

/// Returns the sum of sizes, which a registry may give any value.
fn sum(sizes: impl Iterator<Item = u64>) -> u64 {
    sizes.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_without_bounds_are_counted() {
        let progress = Progress::new(&());
        let blobs = [u64::MAX, 2].map(|size| Descriptor {
            size,
            ..Descriptor::of("", &size.to_le_bytes())
        });
        let counter = Counter::new(progress.transfer(TransferKind::Pull), &blobs);
        for blob in &blobs {
            counter.at(blob, blob.size);
        }
        assert_eq!(counter.total, u64::MAX);
    }
}
