//! Images as their registries have them, read without an engine and without a pull.

use s2i_build::{facts::ImageFacts, ports::BoxError};
use s2i_core::{
    ImageRef,
    image::{ImageConfig, Platform},
};
use s2i_oci::registry::{Pulled, Registry};

/// The manifest and the config of an image.
pub(super) struct RegistryImage {
    pub(super) pulled: Pulled,
    pub(super) config: ImageConfig,
}

impl RegistryImage {
    /// Reads the image of this name for the platform of this machine.
    pub(super) async fn read(registry: &Registry, image: &ImageRef) -> Result<Self, BoxError> {
        let platform = Platform::of_this_machine();
        let pulled = registry.manifest(image, &platform).await?;
        let config = serde_json::from_slice(&pulled.config_bytes)?;
        Ok(Self { pulled, config })
    }

    /// Returns the image under this name.
    pub(super) fn facts(&self, name: ImageRef) -> ImageFacts {
        ImageFacts {
            name,
            id: self.pulled.config_digest.to_string(),
            digest: Some(self.pulled.manifest_digest.to_string()),
            platform: self.config.platform.clone(),
            config: self.config.config.clone().normalised(),
        }
    }
}
