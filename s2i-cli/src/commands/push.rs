//! `s2i push`.

use s2i_build::{BuildContext, CancelToken, event::Progress, ports::ImageTransfer};
use serde_json::json;

use crate::{args::Push, context::CommandContext, error::Error};

pub(crate) async fn run(
    engine: &impl ImageTransfer,
    args: &Push,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let renderer = context.renderer();
    let progress = Progress::new(&renderer);
    let context = BuildContext::new(&progress, cancel);
    let image = &args.image;
    let digest = engine.push(image, context).await?.digest;
    let object = json!({"event": "pushed", "image": image.to_string(), "digest": digest});
    let pinned = digest.map_or_else(
        || image.to_string(),
        |digest| format!("{}@{digest}", image.name()),
    );
    renderer.answer(&format!("{pinned}\n"), &object);
    Ok(())
}
