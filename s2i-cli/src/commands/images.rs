//! `s2i images`.

use s2i_build::ports::ImageStore;
use s2i_core::Printable;
use serde_json::json;

use super::Setting;
use crate::{args::List, error::Error, render};

pub(crate) async fn run(
    engine: &impl ImageStore,
    args: &List,
    setting: &Setting<'_>,
) -> Result<(), Error> {
    let images = engine.list().await?;
    let renderer = setting.renderer();
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
        render::data(&Printable::lines(&ids.collect::<String>()));
    } else {
        render::data(&Printable::lines(&render::images(&images)));
    }
    Ok(())
}
