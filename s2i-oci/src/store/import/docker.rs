//! The format of `docker save`: `manifest.json` names configs and layers by their paths in the archive.

use s2i_core::image::null_as_default;
use serde::Deserialize;

use super::{
    super::{
        error::StoreError,
        publish::{Listing, Parts},
    },
    Contents, ImportFault, MAX_IMAGES, Spooled, compression, json, key, name,
};
use crate::{
    compression::Format,
    manifest::{self, CONFIG, Descriptor, MANIFEST, Manifest},
};

/// One image in `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    #[serde(default, deserialize_with = "null_as_default")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    layers: Vec<String>,
}

/// Returns the images; none if the archive has another format.
pub(super) fn images(contents: &Contents) -> Result<Vec<Listing>, StoreError> {
    let images: Option<Vec<DockerImage>> = contents.read("manifest.json")?;
    let images = images.unwrap_or_default();
    if images.len() > MAX_IMAGES {
        return Err(ImportFault::Images(MAX_IMAGES).into());
    }
    images.iter().map(|image| read(contents, image)).collect()
}

fn read(contents: &Contents, image: &DockerImage) -> Result<Listing, StoreError> {
    let config = json(&image.config, file(contents, &image.config)?)?;
    let layers = image.layers.iter().map(|layer| {
        let blob = file(contents, layer)?;
        let media_type = match compression(blob)? {
            Format::None => manifest::LAYER,
            Format::Gzip => manifest::LAYER_GZIP,
            Format::Zstd => manifest::LAYER_ZSTD,
        };
        Ok(Descriptor::new(media_type, blob.digest, blob.size))
    });
    let layers = layers.collect::<Result<_, StoreError>>()?;
    let manifest = Manifest::new(Descriptor::of(CONFIG, &config), layers);
    let manifest = serde_json::to_vec(&manifest).expect("text keys");
    let names = image.repo_tags.iter().map(|text| name(text));
    Ok(Listing {
        parts: Parts::read(manifest, MANIFEST, config)?,
        names: names.collect::<Result<_, _>>()?,
    })
}

fn file<'c>(contents: &'c Contents, path: &str) -> Result<&'c Spooled, ImportFault> {
    let found = contents.file(&key("", path.as_bytes())?)?;
    found.ok_or_else(|| ImportFault::NoFile(path.into()))
}
