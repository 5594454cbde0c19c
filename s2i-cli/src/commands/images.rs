//! `s2i images`.

use s2i_build::ports::ImageStore;
use s2i_core::Printable;
use serde_json::json;

use crate::{args::List, context::CommandContext, error::Error, render};

pub(crate) async fn run(
    engine: &impl ImageStore,
    args: &List,
    context: &CommandContext<'_>,
) -> Result<(), Error> {
    let images = engine.list().await?;
    let renderer = context.renderer();
    if renderer.is_json() {
        for image in &images {
            let names = &image.names;
            renderer.answer(
                "",
                &json!({"event": "image", "id": image.id, "names": names, "size": image.size, "created": image.created}),
            );
        }
    } else if args.quiet {
        let ids = images
            .iter()
            .map(|image| render::short_id(&image.id) + "\n");
        render::write_stdout(&Printable::lines(&ids.collect::<String>()));
    } else {
        render::write_stdout(&Printable::lines(&render::images(&images)));
    }
    Ok(())
}
