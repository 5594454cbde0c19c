//! `s2i build --load`: the result of the embedded engine in Docker or Podman as well.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures_util::TryStreamExt as _;
use s2i_build::{
    CancelToken, Engine as _, EngineError, Images as _, Outcome, cancel::or_interrupted,
    images::Holdings, stream::ArchiveStream,
};
use s2i_core::ImageRef;
use s2i_docker::{DockerEngine, Endpoint, Flavour};
use s2i_native::NativeEngine;
use serde_json::json;

use super::{Setting, build};
use crate::{
    args::{Build, LoadInto},
    engine,
    error::Error,
};

pub(crate) async fn run(
    native: &NativeEngine,
    args: &Build,
    load: &LoadInto,
    setting: &Setting<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    // Asked before the build, which would be in vain.
    let api = engine::api(endpoint(load, setting)?, setting.host)?;
    let info = api.probe().await?;
    let outcome = Box::pin(build::run(native, args, setting, cancel)).await?;
    let image = image(&outcome)?;
    setting.notice(&format!(
        "loading it into {} at {}",
        info.name, info.endpoint
    ));
    let there = api.holdings(&relatives(args, &outcome, &image)).await?;
    let delivered = or_interrupted(deliver(native, &api, &outcome, &image, there), cancel);
    let bytes = delivered.await?;
    let object = json!({"event": "loaded", "image": image.to_string(), "engine": info.name, "place": info.endpoint, "bytes": bytes});
    setting.renderer().answer("", &object);
    Ok(())
}

fn endpoint(load: &LoadInto, setting: &Setting<'_>) -> Result<Endpoint, EngineError> {
    let env = &setting.host.engine;
    match load {
        LoadInto::Any => Endpoint::find(None, None, env),
        LoadInto::Docker => Endpoint::find(None, Some(Flavour::Docker), env),
        LoadInto::Podman => Endpoint::find(None, Some(Flavour::Podman), env),
        LoadInto::Url(url) => Endpoint::find(Some(url), None, env),
    }
}

/// Its name, else its id.
fn image(outcome: &Outcome) -> Result<ImageRef, Error> {
    match &outcome.tag {
        Some(tag) => Ok(tag.clone()),
        None => Ok(outcome.image_id.parse()?),
    }
}

/// What the engine probably has of it: the image that it is made on, its last build, and itself.
fn relatives(args: &Build, outcome: &Outcome, image: &ImageRef) -> Vec<ImageRef> {
    let base = args.runtime_image.as_ref().unwrap_or(&outcome.builder);
    let id = outcome.image_id.parse().ok();
    [Some(base.clone()), Some(image.clone()), id]
        .into_iter()
        .flatten()
        .collect()
}

/// Without what is there, and with all of it where that is refused: some engines take whole images
/// alone. Gives how many bytes that took.
async fn deliver(
    native: &NativeEngine,
    api: &DockerEngine,
    outcome: &Outcome,
    image: &ImageRef,
    there: Holdings,
) -> Result<u64, EngineError> {
    if let Some(known) = native.held(image, &there).await? {
        match name(api, &known, outcome.tag.as_ref()).await {
            Ok(()) => return Ok(0),
            Err(why) => tracing::debug!(%why, "an image that was there can't be named"),
        }
    }
    if there != Holdings::default() {
        match send(api, native.export_without(image, there)).await {
            Ok(bytes) => return Ok(bytes),
            Err(why) => tracing::debug!(%why, "an archive of new layers was refused"),
        }
    }
    send(api, native.export(image)).await
}

async fn name(api: &DockerEngine, known: &str, name: Option<&ImageRef>) -> Result<(), EngineError> {
    let (Some(name), Ok(known)) = (name, known.parse()) else {
        return Ok(());
    };
    api.tag(&known, name).await
}

async fn send(api: &DockerEngine, archive: ArchiveStream<'static>) -> Result<u64, EngineError> {
    let bytes = Arc::new(AtomicU64::new(0));
    let sent = Arc::clone(&bytes);
    let counted = archive.inspect_ok(move |piece| {
        sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
    });
    api.load(Box::pin(counted)).await?;
    Ok(bytes.load(Ordering::Relaxed))
}
