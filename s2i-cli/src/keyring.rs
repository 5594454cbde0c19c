//! The logins of Docker and Podman, which all engines use alike.

use futures_util::{FutureExt as _, future::BoxFuture};
use s2i_build::{
    engine::BoxError,
    keyring::{Credential, Keyring},
};
use s2i_core::ImageRef;
use s2i_oci::registry;

use crate::host::Host;

/// Where logins are: in Podman's file, else in Docker's.
pub(crate) fn read(host: &Host) -> registry::Keyring {
    let podmans = [&host.engine.runtime_dir, &host.config_home];
    let podmans = podmans.into_iter().flatten();
    let podmans: Vec<_> = match &host.auth_file {
        Some(file) => vec![file.clone()],
        None => podmans
            .map(|dir| dir.join("containers/auth.json"))
            .collect(),
    };
    let dockers = host.engine.docker_config.iter();
    let dockers = dockers.map(|dir| dir.join("config.json"));
    registry::Keyring {
        files: podmans.into_iter().chain(dockers).collect(),
        helper_path: host.path.clone(),
    }
}

/// The same for engines that speak to registries themselves.
pub(crate) struct Keys(pub(crate) registry::Keyring);

impl Keyring for Keys {
    fn find<'a>(
        &'a self,
        image: &'a ImageRef,
    ) -> BoxFuture<'a, Result<Option<Credential>, BoxError>> {
        let find = async {
            let found = self.0.find_for(image).await?;
            Ok(found.map(told))
        };
        find.boxed()
    }
}

fn told(found: registry::Credential) -> Credential {
    match found {
        registry::Credential::Password { user, password } => Credential::Password {
            user,
            password: password.reveal().to_owned(),
        },
        registry::Credential::Identity(token) => Credential::Identity(token.reveal().to_owned()),
    }
}
