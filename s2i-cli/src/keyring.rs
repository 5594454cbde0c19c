//! The logins of Docker and Podman, which all engines use alike.

use std::path::PathBuf;

use futures_util::{FutureExt as _, future::BoxFuture};
use s2i_build::{engine::BoxError, keyring::Keyring};
use s2i_core::{ImageRef, login::Credential};
use s2i_docker::Flavour;
use s2i_oci::registry::{self, RegistryError};

use crate::host::Host;

/// Where logins are. The files of whose engine it is come first; the embedded one takes Podman's first,
/// as Podman does.
pub(crate) fn read(host: &Host, flavour: Flavour) -> registry::Keyring {
    let podmans = [&host.engine.runtime_dir, &host.config_home];
    let podmans = podmans.into_iter().flatten();
    let podmans: Vec<_> = match &host.auth_file {
        Some(file) => vec![file.clone()],
        None => podmans
            .map(|dir| dir.join("containers/auth.json"))
            .collect(),
    };
    let dockers = host.engine.docker_config.iter();
    let dockers = dockers.map(|dir| dir.join("config.json")).collect();
    let files = match flavour {
        Flavour::Docker => [dockers, podmans],
        Flavour::Podman => [podmans, dockers],
    };
    let mut files = files.concat();
    // `REGISTRY_AUTH_FILE` may name the other one.
    files.dedup();
    registry::Keyring {
        files,
        helper_path: host.path.clone(),
    }
}

/// The file for a login that is the first for its registry: the one that the user has named, else Docker's, which
/// Podman and other tools read as well.
pub(crate) fn home(host: &Host) -> Option<PathBuf> {
    let dockers = host.engine.docker_config.as_ref();
    let dockers = dockers.map(|dir| dir.join("config.json"));
    host.auth_file.clone().or(dockers)
}

/// The logins for engines that speak to registries themselves.
pub(crate) struct Keys(pub(crate) registry::Keyring);

impl Keyring for Keys {
    fn find<'a>(
        &'a self,
        image: &'a ImageRef,
    ) -> BoxFuture<'a, Result<Option<Credential>, BoxError>> {
        let find = async {
            let found = self.0.find_for(image).await;
            found.map_err(|source| {
                let full = image.full_name();
                let registry = full.split('/').next().unwrap_or_default().to_owned();
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
    fn a_file_that_both_name_is_looked_at_once() {
        let mut host = Host::default();
        host.engine.docker_config = Some("/home/me/.docker".into());
        let dockers = PathBuf::from("/home/me/.docker/config.json");
        assert_eq!(home(&host), Some(dockers.clone()));
        host.auth_file = Some(dockers.clone());
        for flavour in [Flavour::Docker, Flavour::Podman] {
            assert_eq!(read(&host, flavour).files, std::slice::from_ref(&dockers));
        }
    }

    #[test]
    fn the_file_that_the_user_names_gets_the_first_login() {
        let mut host = Host::default();
        assert_eq!(home(&host), None);
        host.engine.docker_config = Some("/home/me/.docker".into());
        host.auth_file = Some("/run/auth.json".into());
        assert_eq!(home(&host), Some("/run/auth.json".into()));
    }
}
