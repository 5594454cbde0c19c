//! What an engine tells a registry on behalf of the user.

use bollard::auth::DockerCredentials;
use s2i_build::engine::BoxError;
use s2i_core::{
    ImageRef,
    login::{Credential, HUB_KEY},
};

use crate::DockerEngine;

impl DockerEngine {
    /// What the keyring has for the registry of this image.
    pub(crate) async fn credentials(
        &self,
        image: &ImageRef,
    ) -> Result<Option<DockerCredentials>, BoxError> {
        let Some(keyring) = &self.keyring else {
            return Ok(None);
        };
        let found = keyring.find(image).await?;
        Ok(found.map(|credential| told(credential, image)))
    }
}

fn told(credential: Credential, image: &ImageRef) -> DockerCredentials {
    let registry = image.registry().filter(|_| !is_default(image));
    let mut told = DockerCredentials {
        serveraddress: Some(registry.unwrap_or(HUB_KEY).to_owned()),
        ..DockerCredentials::default()
    };
    match credential {
        Credential::Password { user, password } => {
            told.username = Some(user);
            told.password = Some(password.reveal().to_owned());
        }
        Credential::Identity(token) => told.identitytoken = Some(token.reveal().to_owned()),
    }
    told
}

/// Whether the registry that was typed is the one that names without a registry stand for.
fn is_default(image: &ImageRef) -> bool {
    let host = |image: &ImageRef| image.normalised().split('/').next().map(str::to_owned);
    let bare = "image".parse().ok();
    bare.is_some_and(|bare| host(&bare) == host(image))
}
