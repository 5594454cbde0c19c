//! Credentials for registries in the form of Docker's API.

use bollard::auth::DockerCredentials;
use s2i_build::ports::BoxError;
use s2i_core::{
    ImageRef,
    credential::{Credential, server_address},
};

use crate::DockerEngine;

impl DockerEngine {
    /// Returns the credential for the registry of this image, where there is one.
    pub(crate) async fn credentials(
        &self,
        image: &ImageRef,
    ) -> Result<Option<DockerCredentials>, BoxError> {
        let Some(provider) = &self.credentials else {
            return Ok(None);
        };
        let found = provider.credential(image).await?;
        Ok(found.map(|credential| converted(credential, image)))
    }
}

fn converted(credential: Credential, image: &ImageRef) -> DockerCredentials {
    let (registry, _) = image.registry_and_repository();
    let mut converted = DockerCredentials {
        serveraddress: Some(server_address(&registry).to_owned()),
        ..DockerCredentials::default()
    };
    match credential {
        Credential::Password { user, password } => {
            converted.username = Some(user);
            converted.password = Some(password.reveal().to_owned());
        }
        Credential::Identity(token) => converted.identitytoken = Some(token.reveal().to_owned()),
    }
    converted
}
