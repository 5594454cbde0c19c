//! `s2i inspect`.

use std::process::ExitCode;

use s2i_build::{
    CancelToken, EngineError,
    context::or_interrupted,
    inspect::{Inspection, inspect, saved_name},
    ports::{ImageDescription, ImageInspector, LayerDescription},
};
use s2i_core::image::parse_timestamp;
use s2i_oci::registry::Registry;
use serde_json::json;

use super::registry_image::RegistryImage;
use crate::{args::Inspect, context::CommandContext, error::Error, native, render};

/// Describes an image of an engine.
pub(super) async fn run(
    engine: &impl ImageInspector,
    args: &Inspect,
    context: &CommandContext<'_>,
) -> Result<(), Error> {
    let image = engine
        .describe(&args.image)
        .await
        .map_err(|err| match err {
            EngineError::NoSuchImage { image } => Error::NotInEngine(image),
            err => err.into(),
        })?;
    let saved = match saved_name(&image.facts) {
        Some(name) => match engine.describe(&name).await {
            Ok(_) => Some(name),
            Err(EngineError::NoSuchImage { .. }) => None,
            Err(err) => return Err(err.into()),
        },
        None => None,
    };
    answer(&inspect(image, saved.as_ref()), args, context);
    Ok(())
}

/// Describes an image as its registry has it.
pub(crate) async fn of_registry(
    args: &Inspect,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let name = &args.image;
    let registry = Registry::new(native::registry(context)?)?;
    let read = async {
        let read = RegistryImage::read(&registry, name).await;
        read.map_err(|source| Error::Inspect {
            image: name.clone(),
            source,
        })
    };
    let image = or_interrupted(read, cancel).await?;
    answer(&inspect(description(&image, args), None), args, context);
    Ok(ExitCode::SUCCESS)
}

/// Returns the description of an image of a registry. Its digest is the one behind the name, which is that of an index
/// if there is one.
fn description(image: &RegistryImage, args: &Inspect) -> ImageDescription {
    let RegistryImage { pulled, config } = image;
    let mut facts = image.facts(args.image.clone());
    facts.digest = Some(pulled.named.to_string());
    let sizes = pulled.manifest.layers.iter().map(|layer| layer.size);
    let layers = config.rootfs.diff_ids.iter().zip(sizes.clone());
    let created = config.created.as_deref();
    ImageDescription {
        facts,
        names: [args.image.normalised()].into(),
        created: created.and_then(parse_timestamp),
        size: Some(sizes.fold(0, u64::saturating_add)),
        layers: layers
            .map(|(digest, size)| LayerDescription {
                digest: digest.to_string(),
                size: Some(size),
            })
            .collect(),
    }
}

fn answer(inspection: &Inspection, args: &Inspect, context: &CommandContext<'_>) {
    let mut object = json!(inspection);
    let text = if args.json {
        render::document(&object)
    } else {
        render::inspection(inspection)
    };
    object["event"] = "inspected".into();
    context.renderer().answer(&text, &object);
}
