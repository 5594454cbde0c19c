//! `s2i build --load`: loads the result of the embedded engine into Docker or Podman.

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::TryStreamExt as _;
use s2i_build::{
    CancelToken, EngineError, Notice,
    context::or_interrupted,
    event::Progress,
    ports::{EngineProbe as _, ImageStore as _, ImageTransfer as _, StoredContent},
    transfer::{TransferKind, reported},
};
use s2i_core::ImageRef;
use s2i_docker::{DockerEngine, Endpoint, Flavour};
use s2i_native::NativeEngine;
use serde_json::json;

use super::{build, result};
use crate::{
    args::{Build, LoadInto},
    context::CommandContext,
    engine,
    error::Error,
};

pub(crate) async fn run(
    native: &NativeEngine,
    args: &Build,
    destination: &LoadInto,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    result::prepare_files(args, context)?;
    // The daemon is probed before the build, which would otherwise be in vain.
    let api = engine::api(endpoint(destination, context)?, context.host)?;
    let info = or_interrupted(api.probe(), cancel).await?;
    let (outcome, renderer) = Box::pin(build::run(native, args, context, cancel)).await?;
    context.notice(Notice::Loading {
        engine: info.name.clone(),
        endpoint: info.endpoint.clone(),
    });
    let transfer = Transfer {
        native,
        api: &api,
        image: outcome.image_id.parse()?,
        name: outcome.tag.clone(),
        base: args
            .runtime_image
            .clone()
            .unwrap_or_else(|| outcome.builder.clone()),
        progress: &Progress::new(&renderer),
        cancel,
    };
    let bytes = transfer.run().await?;
    let image = transfer
        .name
        .as_ref()
        .unwrap_or(&transfer.image)
        .to_string();
    let object = json!({"event": "loaded", "image": image, "engine": info.name, "place": info.endpoint, "bytes": bytes});
    if renderer.is_json() {
        renderer.answer("", &object);
    }
    result::write_files(&outcome, &result::Names::of(&outcome), args, context)?;
    renderer.completed(&image, context.host);
    Ok(ExitCode::SUCCESS)
}

fn endpoint(destination: &LoadInto, context: &CommandContext<'_>) -> Result<Endpoint, EngineError> {
    let env = &context.host.engine;
    match destination {
        LoadInto::Any => Endpoint::find(None, None, env),
        LoadInto::Docker => Endpoint::find(None, Some(Flavour::Docker), env),
        LoadInto::Podman => Endpoint::find(None, Some(Flavour::Podman), env),
        LoadInto::Url(url) => Endpoint::find(Some(url), None, env),
    }
}

/// The transfer of an image from the embedded engine to a daemon.
struct Transfer<'a> {
    native: &'a NativeEngine,
    api: &'a DockerEngine,
    /// The image by ID, because its name may belong to another image by now.
    image: ImageRef,
    name: Option<ImageRef>,
    /// The base image.
    base: ImageRef,
    progress: &'a Progress<'a>,
    cancel: &'a CancelToken,
}

impl Transfer<'_> {
    /// Tags the image if the daemon has all layers, otherwise sends the missing layers, or else all of them.
    /// Returns the number of bytes sent.
    async fn run(&self) -> Result<u64, EngineError> {
        let tagging = async {
            let stored = self.stored_content().await;
            let is_named = self.tag(&stored).await;
            Ok::<_, EngineError>((stored, is_named))
        };
        let (stored, is_named) = or_interrupted(tagging, self.cancel).await?;
        if is_named {
            return Ok(0);
        }
        if stored != StoredContent::default() {
            let sent = self.send(stored).await;
            // Some engines accept complete images only. Others do not report a missing layer that another client
            // has removed in the meantime.
            match sent {
                Ok(bytes) if self.tag(&self.stored_content().await).await => return Ok(bytes),
                sent => tracing::debug!(?sent, "an archive of new layers was not enough"),
            }
        }
        self.send(StoredContent::default()).await
    }

    /// Returns the layers that the daemon has of the image, its previous build and its base. Without this
    /// information, all layers are sent.
    async fn stored_content(&self) -> StoredContent {
        let mut images = vec![self.base.clone(), self.image.clone()];
        images.extend(self.name.clone());
        let found = self.api.stored_content(&images).await;
        found.unwrap_or_else(|why| {
            tracing::debug!(%why, "the layers of the destination are unknown");
            StoredContent::default()
        })
    }

    /// Tags the image if all its layers are there. Returns false if not, or if the engine refuses.
    async fn tag(&self, stored: &StoredContent) -> bool {
        let Ok(Some(id)) = self.native.id_at_destination(&self.image, stored).await else {
            return false;
        };
        match (&self.name, id.parse()) {
            (None, _) => true,
            (Some(name), Ok(id)) => self.api.tag(&id, name).await.is_ok(),
            (Some(_), Err(_)) => false,
        }
    }

    async fn send(&self, stored: StoredContent) -> Result<u64, EngineError> {
        let bytes = Arc::new(AtomicU64::new(0));
        let sent = Arc::clone(&bytes);
        let names = self.name.iter().cloned().collect();
        let native = self.native;
        let archive = native.export_missing_layers(&self.image, names, stored, self.cancel);
        let counted = archive.inspect_ok(move |piece| {
            sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
        });
        let load = async |archive| self.api.load(archive, self.cancel).await;
        let kind = TransferKind::Load;
        reported(Box::pin(counted), kind, None, self.progress, load).await?;
        Ok(bytes.load(Ordering::Relaxed))
    }
}
