//! The image that the own container was started from.

use std::path::{Path, PathBuf};

use s2i_core::{
    ImageRef, bounds,
    image::{ImageConfig, Platform},
    label,
};
use s2i_oci::{
    Digest,
    manifest::{self, Descriptor},
    registry::{Pulled, Registry, RegistryError},
};
use thiserror::Error;

use crate::layers::{Layer, LayerSource, common};

/// The file of an image with s2i beside a builder that has the config of the builder, byte by byte.
const BUILDER_CONFIG: &str = "builder.json";

/// The name of a builder without a label for its name.
const UNNAMED: &str = "s2i-builder";

/// The image that results are based on.
#[derive(Clone, Debug)]
pub struct Base {
    /// Its name.
    pub name: ImageRef,
    /// Its ID: the digest of its config.
    pub id: Digest,
    /// The digest by which the registry of the name has it; `None` if it is known without its registry, or if the name
    /// belongs to an image that extends it.
    pub digest: Option<Digest>,
    /// Its config.
    pub config: ImageConfig,
    /// The config, byte by byte.
    pub(crate) config_bytes: Vec<u8>,
    /// The layers, lowest first; `None` if there is no place to read them from.
    pub(crate) layers: Option<Vec<Layer>>,
    /// The reason why its layers can't be read from its registry, if it was looked up there.
    pub problem: Option<String>,
    /// True if a file in it identifies it.
    pub(crate) is_identified: bool,
}

impl Base {
    /// Returns whether there is no place to read its layers from, so that only other images can be the base of a result.
    #[must_use]
    pub fn has_no_layers(&self) -> bool {
        self.layers.is_none()
    }
}

/// The image of the own container is not known, or is another one.
#[derive(Debug, Error)]
pub enum BaseError {
    /// Neither the caller nor a file names the image.
    #[error("the image of this container is not known")]
    Unknown,
    /// The file that identifies the builder can't be used.
    #[error("can't use `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The registry has no usable image of the name.
    #[error("can't look up the image `{image}` of this container")]
    Registry {
        /// The name.
        image: ImageRef,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// This container is of another image.
    #[error("this container is not of the image `{image}`: {reason}")]
    OtherImage {
        /// The name.
        image: ImageRef,
        /// The difference.
        reason: String,
    },
}

/// The config of the builder that the own image extends.
#[derive(Clone)]
pub(crate) struct OwnConfig {
    config: ImageConfig,
    /// The config, byte by byte.
    bytes: Vec<u8>,
}

impl OwnConfig {
    /// Reads the file in the directory of s2i; `None` where there is none.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, BaseError> {
        let path = dir.join(BUILDER_CONFIG);
        if !path.exists() {
            return Ok(None);
        }
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| BaseError::File {
            path: path.clone(),
            source,
        };
        let bytes = bounds::head_of_file(&path, manifest::MAX_JSON);
        let bytes = bytes.map_err(|err| failed(err.into()))?;
        let config = serde_json::from_slice(&bytes).map_err(|err| failed(err.into()))?;
        Ok(Some(Self { config, bytes }))
    }

    fn id(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    fn name(&self) -> ImageRef {
        let name = self.config.config.labels.get("name");
        let name = name.and_then(|name| name.parse().ok());
        name.unwrap_or_else(|| UNNAMED.parse().expect("a name"))
    }

    /// Returns the builder as the base, without a place for its layers.
    pub(crate) fn into_base(self) -> Base {
        Base {
            name: self.name(),
            id: self.id(),
            digest: None,
            config: self.config,
            config_bytes: self.bytes,
            layers: None,
            problem: None,
            is_identified: true,
        }
    }
}

/// Looks up an image in its registry and returns what results are based on: the image, or the builder that it extends
/// and whose config is in the own container.
pub(crate) async fn look_up(
    registry: &Registry,
    image: &ImageRef,
    own: Option<OwnConfig>,
) -> Result<Base, BaseError> {
    let pulled = registry.manifest(image, &Platform::of_this_machine()).await;
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| BaseError::Registry {
        image: image.clone(),
        source,
    };
    let pulled = pulled.map_err(|err: RegistryError| failed(err.into()))?;
    let config: ImageConfig =
        serde_json::from_slice(&pulled.config_bytes).map_err(|err| failed(err.into()))?;
    let other = |reason: &str| BaseError::OtherImage {
        image: image.clone(),
        reason: reason.into(),
    };
    if config.rootfs.diff_ids.len() != pulled.manifest.layers.len() {
        return Err(failed("its config has another number of layers".into()));
    }
    let Some(own) = own else {
        if config.config.labels.contains_key(label::BUILDER_ID) {
            return Err(other(
                "that image has s2i and the config of its builder in a file",
            ));
        }
        return Ok(base(image, pulled, config, false));
    };
    match config.config.labels.get(label::BUILDER_ID) {
        Some(id) if *id == own.id().to_string() => {
            let below = own.config.rootfs.diff_ids.len();
            if common(&own.config.rootfs.diff_ids, &config.rootfs.diff_ids) < below {
                return Err(other(
                    "its layers are not those of the builder that it extends",
                ));
            }
            let whole = base(image, pulled, config, true);
            let layers = whole.layers.map(|mut layers| {
                layers.truncate(below);
                layers
            });
            Ok(Base {
                name: image.clone(),
                layers,
                ..own.into_base()
            })
        }
        None if pulled.config_digest == own.id() => Ok(base(image, pulled, config, true)),
        _ => Err(other(
            "the builder that this container has the config of is another one",
        )),
    }
}

fn base(image: &ImageRef, pulled: Pulled, config: ImageConfig, is_identified: bool) -> Base {
    Base {
        name: image.clone(),
        id: pulled.config_digest,
        digest: Some(pulled.named),
        layers: Some(layers(image, pulled.manifest.layers)),
        config,
        config_bytes: pulled.config_bytes,
        problem: None,
        is_identified,
    }
}

/// Returns the layers of a manifest in the repository of the image.
pub(crate) fn layers(image: &ImageRef, descriptors: Vec<Descriptor>) -> Vec<Layer> {
    let layers = descriptors.into_iter().map(|layer| Layer {
        descriptor: Descriptor {
            media_type: manifest::oci_layer(&layer.media_type).to_owned(),
            ..layer
        },
        source: LayerSource::Registry {
            image: image.clone(),
            copy: None,
        },
    });
    layers.collect()
}
