//! Composed images on their way to registries and archives.

use std::{
    io::{self, Cursor},
    sync::{Arc, Mutex},
};

use s2i_build::{
    BuildContext, CancelToken, EngineError, Notice,
    ports::{ImageTransfer, Operation, Pushed},
    stream::{ArchiveStream, pieces_of},
    transfer::TransferKind,
};
use s2i_core::ImageRef;
use s2i_oci::{
    archive,
    manifest::Descriptor,
    registry::{OpenBlob, Push, PushBlob},
};

use crate::{
    engine::InPlaceEngine,
    error::{check, failed},
    image::ComposedImage,
    layers::Layer,
};

/// The reason why an image can't leave this process.
const NO_LAYERS: &str = "the layers of its base can be read from nowhere; name the builder by its registry, as in \
     `s2i build --engine here SOURCE registry.example.org/s2i/go NAME`, or a runtime image";

impl InPlaceEngine {
    pub(crate) fn composed(&self, image: &ImageRef) -> Result<ComposedImage, EngineError> {
        let found = self.store.find(image);
        found.ok_or_else(|| EngineError::NoSuchImage {
            image: image.clone(),
        })
    }

    fn layers(
        image: &ComposedImage,
        operation: Operation,
        name: &ImageRef,
    ) -> Result<Vec<Layer>, EngineError> {
        image
            .layers()
            .ok_or_else(|| failed(operation, name)(NO_LAYERS))
    }

    async fn send(
        &self,
        name: &ImageRef,
        context: BuildContext<'_>,
    ) -> Result<Pushed, EngineError> {
        let image = self.composed(name)?;
        let layers = Self::layers(&image, Operation::Push, name)?;
        context.progress.notice(Notice::Pushing {
            image: name.clone(),
        });
        let manifest = image.manifest(&layers);
        let config: OpenBlob = {
            let bytes = image.config_bytes.clone();
            Arc::new(move || Ok(Box::new(Cursor::new(bytes.clone()))))
        };
        let config = PushBlob {
            descriptor: manifest.config.clone(),
            open: config,
        };
        let (registry, repository) = name.registry_and_repository();
        let repositories = layers.iter().filter_map(Layer::repository);
        let others = repositories
            .filter(|(host, other)| *host == registry && *other != repository)
            .map(|(_, other)| other);
        let blobs = layers.iter().map(|layer| layer.blob(&self.registry));
        let push = Push {
            manifest: serde_json::to_vec(&manifest).expect("text keys"),
            media_type: manifest.media_type.clone(),
            mount_from: others.collect(),
            blobs: std::iter::once(config).chain(blobs).collect(),
        };
        let total = push.blobs.iter().map(|blob| blob.descriptor.size);
        let total = total.fold(0, u64::saturating_add);
        let transfer = context.progress.transfer(TransferKind::Push);
        let sent = Mutex::new(std::collections::BTreeMap::new());
        let report = |blob: &Descriptor, bytes: u64| {
            let mut sent = sent.lock().expect("no panic under this lock");
            sent.insert(blob.digest, bytes);
            let sum = sent.values().copied().fold(0, u64::saturating_add);
            transfer.report(sum, Some(total));
        };
        let pushed = self.registry.push(name, &push, &report).await;
        let pushed = pushed.map_err(failed(Operation::Push, name))?;
        Ok(Pushed {
            digest: Some(pushed.digest.to_string()),
        })
    }
}

impl ImageTransfer for InPlaceEngine {
    async fn push(
        &self,
        image: &ImageRef,
        context: BuildContext<'_>,
    ) -> Result<Pushed, EngineError> {
        context.or_interrupted(self.send(image, context)).await
    }

    async fn load(
        &self,
        _archive: ArchiveStream<'static>,
        _cancel: &CancelToken,
    ) -> Result<Vec<String>, EngineError> {
        let reason = "in place, no images are kept";
        Err(failed(Operation::Load, "the archive")(reason))
    }

    fn export(&self, name: &ImageRef, cancel: &CancelToken) -> ArchiveStream<'static> {
        let image = self.composed(name);
        let layers = image.and_then(|image| {
            let layers = Self::layers(&image, Operation::Export, name)?;
            Ok((image, layers))
        });
        let (name, cancel, registry) = (name.clone(), cancel.clone(), Arc::clone(&self.registry));
        // The blobs are opened on the runtime of the caller.
        let prepared = layers.map(|(image, layers)| {
            let blobs = layers.iter().map(|layer| layer.blob(&registry));
            let blobs = blobs.collect::<Vec<_>>();
            (image.manifest(&layers), image, blobs)
        });
        pieces_of(move |out| {
            let (manifest, image, blobs) = prepared.map_err(io::Error::other)?;
            let names: Vec<_> = if image.names.is_empty() {
                Vec::new()
            } else {
                vec![name.clone()]
            };
            let open = |digest: &Descriptor| {
                check(&cancel)?;
                let blob = blobs
                    .iter()
                    .find(|blob| blob.descriptor.digest == digest.digest);
                (blob.ok_or(io::ErrorKind::NotFound)?.open)()
            };
            let platform = Some(image.config.platform.clone());
            let written = archive::write_streams(
                &archive::Streamed {
                    manifest: &manifest,
                    platform,
                    config: image.config_bytes.clone(),
                    names: &names,
                    open: &open,
                },
                out,
            );
            written.map_err(|err| io::Error::other(failed(Operation::Export, &name)(err)))
        })
    }
}
