//! `s2i pull`.

use s2i_build::{
    BuildContext, CancelToken, event::Progress, ports::ImageResolver, request::PullPolicy,
};
use serde_json::json;

use crate::{args::Image, context::CommandContext, error::Error};

pub(crate) async fn run(
    engine: &impl ImageResolver,
    args: &Image,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let renderer = context.renderer();
    let progress = Progress::new(&renderer);
    let context = BuildContext::new(&progress, cancel);
    let image = &args.image;
    let id = engine.resolve(image, PullPolicy::Always, context).await?.id;
    let object = json!({"event": "pulled", "image": image.to_string(), "id": id});
    renderer.answer(&format!("{id}\n"), &object);
    Ok(())
}
