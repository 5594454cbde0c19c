//! `s2i pull`.

use s2i_build::{CancelToken, Engine, event::Progress, request::PullPolicy};
use serde_json::json;

use super::Setting;
use crate::{args::Image, error::Error};

pub(crate) async fn run(
    engine: &impl Engine,
    args: &Image,
    setting: &Setting<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let renderer = setting.renderer();
    let progress = Progress::new(&renderer);
    let image = &args.image;
    let pulling = engine.resolve(image, PullPolicy::Always, &progress, cancel);
    let id = pulling.await?.id;
    let object = json!({"event": "pulled", "image": image.to_string(), "id": id});
    renderer.answer(&format!("{id}\n"), &object);
    Ok(())
}
