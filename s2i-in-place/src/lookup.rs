//! Looks up images: the base and others, in registries, in archives of the own image, and among known ones.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
};

use s2i_build::{
    BuildContext, EngineError,
    facts::ImageFacts,
    ports::{ImageResolver, Operation},
    request::PullPolicy,
};
use s2i_core::{
    ErrorChain, ImageRef,
    image::{ImageConfig, Platform},
};
use s2i_oci::{Digest, registry::RegistryError};

use crate::{
    archives,
    base::{self, Base, BaseError, OwnConfig},
    check,
    engine::InPlaceEngine,
    error::{blocking, failed},
    known::KnownImages,
    layers::Layer,
};

/// An image that is not that of the own container.
pub(crate) struct OtherImage {
    pub(crate) name: ImageRef,
    pub(crate) digest: Option<Digest>,
    pub(crate) config: ImageConfig,
    /// The config, byte by byte.
    pub(crate) config_bytes: Vec<u8>,
    pub(crate) layers: Vec<Layer>,
}

impl InPlaceEngine {
    pub(super) async fn find_base(&self) -> Result<Base, BaseError> {
        if let (Some((known, dir)), Some(image)) = (&self.known, &self.image) {
            let registry = |source| BaseError::Registry {
                image: image.clone(),
                source,
            };
            let found = known.find(image, dir).map_err(|err| registry(err.into()))?;
            let found = found.ok_or_else(|| registry("it is not among the known images".into()));
            return Ok(found?.into_base(image.clone()));
        }
        let own = if self.is_certain {
            None
        } else {
            OwnConfig::read(&self.share)?
        };
        let Some(image) = &self.image else {
            return own.map(OwnConfig::into_base).ok_or(BaseError::Unknown);
        };
        let base = match base::look_up(&self.registry, image, own.clone()).await {
            Err(err @ BaseError::Registry { .. }) => match own.filter(|_| self.is_of_job) {
                Some(own) => Base {
                    problem: Some(format!(
                        "its layers are not known, so only a runtime image can be the base: {}",
                        ErrorChain(&err)
                    )),
                    ..own.into_base()
                },
                None => return Err(err),
            },
            found => found?,
        };
        if base.is_identified || self.is_certain || self.compare(image, &base).await? {
            return Ok(base);
        }
        let problem = "its files are not compared with those of this container: all of its last layers are large or have no files";
        Ok(Base {
            problem: Some(problem.into()),
            ..base
        })
    }

    /// Compares the files of this container with the last layer of its image that has files, and returns whether there
    /// is one that is not too large.
    async fn compare(&self, image: &ImageRef, base: &Base) -> Result<bool, BaseError> {
        let failed = |source: std::io::Error| BaseError::Registry {
            image: image.clone(),
            source: source.into(),
        };
        for layer in base.layers.iter().flatten().rev() {
            if layer.descriptor.size > check::MOST {
                return Ok(false);
            }
            let blob = layer.blob(&self.registry);
            let compare = move || check::compare(&blob, Path::new("/"));
            let compared = s2i_build::stream::blocking(compare).await;
            match compared.map_err(failed)?.map_err(failed)? {
                check::Comparison::NoFiles => {}
                check::Comparison::Same => return Ok(true),
                check::Comparison::Different(reason) => {
                    let image = image.clone();
                    return Err(BaseError::OtherImage { image, reason });
                }
            }
        }
        Ok(false)
    }

    pub(super) fn is_own(&self, id: &str) -> bool {
        let base = self.base.get();
        base.is_some_and(|base| base.id.to_string() == id)
    }

    pub(super) fn other(&self, id: &str) -> Option<Arc<OtherImage>> {
        let images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        images.get(id).cloned()
    }

    /// Keeps an image that was looked up, and returns the facts about it.
    fn keep(&self, id: Digest, image: OtherImage) -> ImageFacts {
        let facts = facts(&image.name, id, image.digest, &image.config);
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        images.insert(id.to_string(), Arc::new(image));
        facts
    }

    /// Returns the images that were looked up beside the base.
    pub(crate) fn others(&self) -> Vec<Arc<OtherImage>> {
        let images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        images.values().cloned().collect()
    }

    /// Looks for an image in the archives of the own image.
    async fn archived(&self, image: &ImageRef) -> Result<Option<ImageFacts>, EngineError> {
        let (dir, into, name) = (
            self.share.join("images"),
            self.store.dir().join("images"),
            image.clone(),
        );
        let found = blocking(move || {
            archives::find(&dir, &name, &into).map_err(failed(Operation::FindImage, name))
        });
        Ok(found.await?.map(|found| {
            let other = OtherImage {
                name: image.clone(),
                digest: None,
                config: found.config,
                config_bytes: found.config_bytes,
                layers: found.layers,
            };
            self.keep(found.id, other)
        }))
    }

    /// Looks up an image in its registry.
    async fn pulled(&self, image: &ImageRef) -> Result<ImageFacts, EngineError> {
        let pulled = self
            .registry
            .manifest(image, &Platform::of_this_machine())
            .await;
        let failed = |source: s2i_build::ports::BoxError| EngineError::Pull {
            image: image.clone(),
            source,
        };
        let pulled = pulled.map_err(|err: RegistryError| failed(err.into()))?;
        let config: ImageConfig =
            serde_json::from_slice(&pulled.config_bytes).map_err(|err| failed(err.into()))?;
        if config.rootfs.diff_ids.len() != pulled.manifest.layers.len() {
            return Err(failed("its config has another number of layers".into()));
        }
        let other = OtherImage {
            name: image.clone(),
            digest: Some(pulled.named),
            config,
            config_bytes: pulled.config_bytes,
            layers: base::layers(image, pulled.manifest.layers),
        };
        Ok(self.keep(pulled.config_digest, other))
    }

    /// Looks up an image among the known ones.
    fn find_known(
        &self,
        (known, dir): &(KnownImages, PathBuf),
        image: &ImageRef,
    ) -> Result<ImageFacts, EngineError> {
        let found = known.find(image, dir)?;
        let found = found.ok_or_else(|| EngineError::NoSuchImage {
            image: image.clone(),
        })?;
        let other = OtherImage {
            name: image.clone(),
            digest: found.digest,
            config: found.config,
            config_bytes: found.config_bytes,
            layers: found.layers,
        };
        Ok(self.keep(found.id, other))
    }
}

fn facts(name: &ImageRef, id: Digest, digest: Option<Digest>, config: &ImageConfig) -> ImageFacts {
    ImageFacts {
        name: name.clone(),
        id: id.to_string(),
        digest: digest.map(|digest| digest.to_string()),
        platform: config.platform.clone(),
        config: config.config.clone().normalised(),
    }
}

impl ImageResolver for InPlaceEngine {
    async fn resolve(
        &self,
        image: &ImageRef,
        policy: PullPolicy,
        context: BuildContext<'_>,
    ) -> Result<ImageFacts, EngineError> {
        let base = context.or_interrupted(self.known_base()).await?;
        if base.name.normalised() == image.normalised() {
            return Ok(facts(&base.name, base.id, base.digest, &base.config));
        }
        if let Some(composed) = self.store.find(image) {
            return Ok(facts(image, composed.id(), None, &composed.config));
        }
        if let Some(known) = &self.known {
            return self.find_known(known, image);
        }
        // It is short, and an interrupt must not remove the directory that it writes to.
        if policy != PullPolicy::Always
            && let Some(facts) = self.archived(image).await?
        {
            return Ok(facts);
        }
        if policy == PullPolicy::Never {
            return Err(EngineError::NoSuchImage {
                image: image.clone(),
            });
        }
        context.or_interrupted(self.pulled(image)).await
    }
}
