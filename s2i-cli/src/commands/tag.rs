//! `s2i tag`.

use s2i_build::ports::ImageStore;
use serde_json::json;

use crate::{args, context::CommandContext, error::Error};

pub(crate) async fn run(
    engine: &impl ImageStore,
    args: &args::Tag,
    context: &CommandContext<'_>,
) -> Result<(), Error> {
    engine.tag(&args.image, &args.name).await?;
    let (image, name) = (args.image.to_string(), args.name.to_string());
    let object = json!({"event": "tagged", "image": image, "name": name});
    context.renderer().answer("", &object);
    Ok(())
}
