//! The images of a build as a document, for a process that can't reach their registries.
//!
//! In a pod, the container that runs `assemble` has no login for a registry. Another one, in which no program of a user
//! runs, looks the images up, and leaves what it has found in a directory: this document, and the layers that the build
//! reads.

use std::{
    fs,
    io::{self, BufWriter, Write as _},
    path::Path,
};

use s2i_build::{BuildContext, EngineError, ports::Operation};
use s2i_core::{
    ImageRef, bounds,
    image::{Digest, ImageConfig},
};
use s2i_oci::manifest::{self, Descriptor};
use serde::{Deserialize, Serialize};

use crate::{
    base::Base,
    engine::InPlaceEngine,
    error::{blocking, check, failed},
    layers::{Layer, LayerSource, common},
};

/// The file with the document.
const DOCUMENT: &str = "images.json";

/// The directory of layers, each named by the digits of its digest.
const LAYERS: &str = "layers";

/// The images of a build, as their registries describe them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownImages {
    images: Vec<KnownImage>,
}

/// An image with its config and its layers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownImage {
    name: ImageRef,
    /// The digest by which its registry has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    /// The config, byte by byte.
    config: String,
    layers: Vec<Descriptor>,
}

/// An image that was found in the document.
pub(crate) struct Found {
    pub(crate) digest: Option<Digest>,
    pub(crate) id: Digest,
    pub(crate) config: ImageConfig,
    pub(crate) config_bytes: Vec<u8>,
    pub(crate) layers: Vec<Layer>,
}

impl KnownImages {
    /// Reads the document in a directory.
    ///
    /// # Errors
    /// Errors of the file system; [`io::ErrorKind::InvalidData`] for a file that is not such a document, or has more than
    /// [`manifest::MAX_JSON`] bytes for each of four images.
    pub fn read(dir: &Path) -> io::Result<Self> {
        let bytes = bounds::read_file(&dir.join(DOCUMENT), 4 * manifest::MAX_JSON)?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    fn write(&self, dir: &Path) -> io::Result<()> {
        fs::write(dir.join(DOCUMENT), serde_json::to_vec(self)?)
    }

    /// Returns the image with this name. Its layers are read from files of the directory where it has them, and otherwise
    /// from the registry.
    ///
    /// # Errors
    /// [`EngineError::Failed`] for an invalid config.
    pub(crate) fn find(&self, name: &ImageRef, dir: &Path) -> Result<Option<Found>, EngineError> {
        let wanted = name.normalised();
        let is_it = |image: &&KnownImage| image.name.normalised() == wanted;
        let Some(image) = self.images.iter().find(is_it) else {
            return Ok(None);
        };
        let config = serde_json::from_str(&image.config);
        let layers = image.layers.iter().map(|descriptor| {
            let file = dir.join(LAYERS).join(descriptor.digest.hex());
            Layer {
                descriptor: descriptor.clone(),
                source: LayerSource::Registry {
                    image: image.name.clone(),
                    copy: file.is_file().then_some(file),
                },
            }
        });
        Ok(Some(Found {
            digest: image.digest,
            id: Digest::of(image.config.as_bytes()),
            config: config.map_err(failed(Operation::Describe, name))?,
            config_bytes: image.config.clone().into_bytes(),
            layers: layers.collect(),
        }))
    }
}

impl Found {
    /// Returns the image as the base of results.
    pub(crate) fn into_base(self, name: ImageRef) -> Base {
        Base {
            name,
            id: self.id,
            digest: self.digest,
            config: self.config,
            config_bytes: self.config_bytes,
            layers: Some(self.layers),
            problem: None,
            is_identified: true,
        }
    }
}

impl InPlaceEngine {
    /// Writes what is known of the images that were looked up into a directory: a document, and the layers that a build
    /// reads. These are all layers of the images in `whole`, as a runtime image is, and of others those that the builder
    /// does not have.
    ///
    /// # Errors
    /// [`EngineError`]: the builder can't be described, a layer can't be downloaded, or a file can't be written.
    pub async fn write_images(
        &self,
        dir: &Path,
        whole: &[ImageRef],
        context: BuildContext<'_>,
    ) -> Result<(), EngineError> {
        let base = self.known_base().await?;
        let mut known = KnownImages {
            images: vec![KnownImage::new(
                &base.name,
                base.digest,
                &base.config_bytes,
                base.layers.as_deref(),
            )],
        };
        let made = fs::create_dir_all(dir.join(LAYERS));
        made.map_err(failed(Operation::CreateDirectory, dir.display()))?;
        for image in self.others() {
            let name = image.name.normalised();
            let is_whole = whole.iter().any(|whole| whole.normalised() == name);
            let below = if is_whole {
                0
            } else {
                common(&base.config.rootfs.diff_ids, &image.config.rootfs.diff_ids)
            };
            for layer in image.layers.iter().skip(below) {
                self.copy_layer(layer, dir, context).await?;
            }
            known.images.push(KnownImage::new(
                &image.name,
                image.digest,
                &image.config_bytes,
                Some(&image.layers),
            ));
        }
        known
            .write(dir)
            .map_err(failed(Operation::Write, dir.join(DOCUMENT).display()))
    }

    /// Downloads a layer into the directory.
    async fn copy_layer(
        &self,
        layer: &Layer,
        dir: &Path,
        context: BuildContext<'_>,
    ) -> Result<(), EngineError> {
        let path = dir.join(LAYERS).join(layer.descriptor.digest.hex());
        let (blob, cancel) = (layer.blob(&self.registry), context.cancel.clone());
        let copy = move || {
            let copied = || -> io::Result<()> {
                // The stream compares the length and the digest.
                let mut blob = (blob.open)()?;
                let mut file = BufWriter::new(fs::File::create(&path)?);
                let mut piece = vec![0; 256 << 10];
                loop {
                    check(&cancel)?;
                    let count = blob.read(&mut piece)?;
                    if count == 0 {
                        return file.flush();
                    }
                    file.write_all(&piece[..count])?;
                }
            };
            copied().map_err(failed(Operation::Write, path.display()))
        };
        blocking(copy).await
    }
}

impl KnownImage {
    fn new(
        name: &ImageRef,
        digest: Option<Digest>,
        config: &[u8],
        layers: Option<&[Layer]>,
    ) -> Self {
        let layers = layers.unwrap_or_default().iter();
        Self {
            name: name.clone(),
            digest,
            config: String::from_utf8_lossy(config).into_owned(),
            layers: layers.map(|layer| layer.descriptor.clone()).collect(),
        }
    }
}
