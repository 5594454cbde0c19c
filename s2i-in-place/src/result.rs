//! The result of a build as files, for a process that pushes it.
//!
//! The process that pushes has the logins for registries, and so it trusts nothing that the one that ran `assemble` could
//! choose: the base is one of the [known images](crate::KnownImages), and the config has its layers and one more.

use std::{fs, io, path::Path};

use s2i_build::{EngineError, ports::Operation};
use s2i_core::{
    ImageRef, bounds,
    image::{Digest, ImageConfig},
};
use s2i_oci::manifest::{self, Descriptor};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    engine::InPlaceEngine,
    error::failed,
    image::ComposedImage,
    layers::{Layer, LayerSource},
};

/// The file with the document.
const DOCUMENT: &str = "result.json";

/// The file with the layer.
const LAYER: &str = "layer";

/// The result of a build that cannot be used.
#[derive(Debug, Error)]
pub enum ResultError {
    /// A file can't be read.
    #[error("can't read the result of the build")]
    Read(#[from] io::Error),
    /// Its base is not an image of the build.
    #[error("the result of the build is based on `{0}`, which is no image of the build")]
    OtherBase(ImageRef),
    /// Its config doesn't describe one layer on top of the base.
    #[error("the config of the result has other layers than its base `{0}` and a new one")]
    OtherLayers(ImageRef),
    /// An image can't be looked up.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A result, without the layers of its base.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    base: ImageRef,
    /// The config, byte by byte.
    config: String,
    layer: Descriptor,
}

impl InPlaceEngine {
    /// Moves the layer of an image into a directory, and writes a document with the rest. The image is gone then.
    ///
    /// # Errors
    /// [`EngineError`]: there is no such image, or a file can't be written.
    pub fn write_result(&self, image: &ImageRef, dir: &Path) -> Result<(), EngineError> {
        let found = self.composed(image)?;
        self.store.remove(&found.id().to_string());
        let write = || {
            match &found.layer.source {
                LayerSource::File(path) => fs::rename(path, dir.join(LAYER))?,
                LayerSource::Registry { .. } => return Err(io::ErrorKind::Unsupported.into()),
            }
            let document = Document {
                base: found.base.clone(),
                config: String::from_utf8_lossy(&found.config_bytes).into_owned(),
                layer: found.layer.descriptor.clone(),
            };
            fs::write(dir.join(DOCUMENT), serde_json::to_vec(&document)?)
        };
        write().map_err(failed(Operation::Write, dir.display()))
    }

    /// Reads a result that [`write_result`](Self::write_result) has written, as an image with these names, and returns its
    /// ID. The base has to be among the images that this engine knows.
    ///
    /// # Errors
    /// [`ResultError`].
    pub fn read_result(&self, dir: &Path, names: &[ImageRef]) -> Result<Digest, ResultError> {
        let bytes = bounds::read_file(&dir.join(DOCUMENT), 2 * manifest::MAX_JSON)?;
        let Document {
            base,
            config,
            layer,
        } = serde_json::from_slice(&bytes).map_err(io::Error::from)?;
        let known = match &self.known {
            Some((known, dir)) => known.find(&base, dir)?,
            None => None,
        };
        let known = known.ok_or_else(|| ResultError::OtherBase(base.clone()))?;
        let config_bytes = config.into_bytes();
        let config: ImageConfig = serde_json::from_slice(&config_bytes).map_err(io::Error::from)?;
        let (layers, below) = (&config.rootfs.diff_ids, &known.config.rootfs.diff_ids);
        if layers.len() != below.len() + 1 || !layers.starts_with(below) {
            return Err(ResultError::OtherLayers(base));
        }
        let image = ComposedImage {
            names: names.to_vec(),
            base,
            config,
            config_bytes,
            below: Some(known.layers),
            layer: Layer {
                descriptor: layer,
                source: LayerSource::File(dir.join(LAYER)),
            },
        };
        let id = image.id();
        self.store.add(image, None);
        Ok(id)
    }
}
