//! The credential files of Docker and Podman, which all engines share.

use std::path::PathBuf;

use futures_util::{FutureExt as _, future::BoxFuture};
use s2i_build::{CredentialProvider, ports::BoxError};
use s2i_core::{ImageRef, credential::Credential};
use s2i_docker::Flavour;
use s2i_oci::{
    credentials::{CredentialEnv, CredentialStore},
    registry::RegistryError,
};

use crate::host::Host;

/// Returns the store of Docker and Podman. The files of the engine in use come first; for the embedded engine those of
/// Podman, as Podman does. A file of the command line replaces them all.
pub(crate) fn store(host: &Host, flavour: Flavour) -> CredentialStore {
    if let Some(file) = &host.credential_file {
        return CredentialStore {
            files: vec![file.clone()],
            auth_config: None,
            helper_path: host.path.clone(),
        };
    }
    match flavour {
        Flavour::Docker => CredentialStore::docker_first(&env(host)),
        Flavour::Podman => CredentialStore::podman_first(&env(host)),
    }
}

fn env(host: &Host) -> CredentialEnv {
    CredentialEnv {
        docker_config: host.engine.docker_config.clone(),
        auth_file: host.auth_file.clone(),
        auth_config: host.auth_config.clone(),
        runtime_dir: host.engine.runtime_dir.clone(),
        config_home: host.config_home.clone(),
        old_docker_file: host.old_docker_file.clone(),
        path: host.path.clone(),
    }
}

/// Returns the file for the first login to a registry: the one that the user names, else that of Docker, which Podman
/// and other tools read as well.
pub(crate) fn default_file(host: &Host) -> Option<PathBuf> {
    let env = env(host);
    let docker = env.docker_file();
    env.auth_file.or(docker)
}

/// The credential store as a provider for engines that pull and push by themselves.
pub(crate) struct Provider(pub(crate) CredentialStore);

impl CredentialProvider for Provider {
    fn credential<'a>(
        &'a self,
        image: &'a ImageRef,
    ) -> BoxFuture<'a, Result<Option<Credential>, BoxError>> {
        let find = async {
            let found = self.0.get_for(image).await;
            found.map_err(|source| {
                let (registry, _) = image.registry_and_repository();
                RegistryError::Credentials { registry, source }.into()
            })
        };
        find.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_file_is_listed_once() {
        let mut host = Host::default();
        host.engine.docker_config = Some("/home/me/.docker".into());
        let dockers = PathBuf::from("/home/me/.docker/config.json");
        assert_eq!(default_file(&host), Some(dockers.clone()));
        host.auth_file = Some(dockers.clone());
        for flavour in [Flavour::Docker, Flavour::Podman] {
            assert_eq!(store(&host, flavour).files, std::slice::from_ref(&dockers));
        }
    }

    #[test]
    fn file_of_the_command_line_replaces_all_others() {
        let mut host = Host::default();
        host.engine.docker_config = Some("/home/me/.docker".into());
        host.credential_file = Some("/ci/config.json".into());
        host.auth_config = Some("{}".to_owned().into());
        for flavour in [Flavour::Docker, Flavour::Podman] {
            let store = store(&host, flavour);
            assert_eq!(store.files, [PathBuf::from("/ci/config.json")]);
            assert_eq!(store.auth_config, None);
        }
    }

    #[test]
    fn auth_file_of_the_user_gets_the_first_login() {
        let mut host = Host::default();
        assert_eq!(default_file(&host), None);
        host.engine.docker_config = Some("/home/me/.docker".into());
        host.auth_file = Some("/run/auth.json".into());
        assert_eq!(default_file(&host), Some("/run/auth.json".into()));
    }
}
