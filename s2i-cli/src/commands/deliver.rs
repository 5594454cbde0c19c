//! `s2i build --load`: the result of the embedded engine in Docker or Podman as well.

use s2i_build::{
    CancelToken, Engine as _, EngineError, Images as _, Outcome, cancel::or_interrupted,
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
    let there = layers(&api, args, &outcome).await?;
    or_interrupted(deliver(native, &api, &image, there), cancel).await?;
    let object = json!({"event": "loaded", "image": image.to_string(), "engine": info.name, "place": info.endpoint});
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

/// The layers that the engine probably has: those of the images that this one is made of, and of its
/// last build.
async fn layers(
    api: &DockerEngine,
    args: &Build,
    outcome: &Outcome,
) -> Result<Vec<String>, EngineError> {
    if !api.keeps_layers().await? {
        return Ok(Vec::new());
    }
    let base = args.runtime_image.as_ref().unwrap_or(&outcome.builder);
    let mut layers = api.layers_of(&base.to_string()).await?;
    if let Some(tag) = &outcome.tag {
        layers.extend(api.layers_of(&tag.to_string()).await?);
    }
    Ok(layers)
}

/// Without the layers that are there, and with all of them where that is refused: some engines take
/// whole images alone.
async fn deliver(
    native: &NativeEngine,
    api: &DockerEngine,
    image: &ImageRef,
    there: Vec<String>,
) -> Result<(), EngineError> {
    if !there.is_empty() {
        let part = native.export_without(image, there);
        match api.load(part).await {
            Ok(_) => return Ok(()),
            Err(why) => tracing::debug!(%why, "an archive of new layers was refused"),
        }
    }
    api.load(native.export(image)).await.map(drop)
}
