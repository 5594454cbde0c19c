//! Credentials for registries, from Docker's own configuration.

use std::{collections::BTreeMap, path::Path};

use bollard::auth::DockerCredentials;
use s2i_core::ImageRef;
use serde::Deserialize;

/// The key that Docker files its own registry under.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    auths: BTreeMap<String, Entry>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    identitytoken: Option<String>,
}

/// What the configuration in `dir` has for the registry of `image`, and for no other.
pub(crate) fn credentials(dir: Option<&Path>, image: &ImageRef) -> Option<DockerCredentials> {
    let bytes = std::fs::read(dir?.join("config.json")).ok()?;
    let mut config: Config = serde_json::from_slice(&bytes).ok()?;
    let registry = image.registry().unwrap_or(DOCKER_HUB);
    let keys = [
        registry.to_owned(),
        format!("https://{registry}"),
        format!("https://{registry}/v1/"),
    ];
    let entry = keys.iter().find_map(|key| config.auths.remove(key))?;
    Some(DockerCredentials {
        auth: entry.auth,
        identitytoken: entry.identitytoken,
        serveraddress: Some(registry.to_owned()),
        ..DockerCredentials::default()
    })
}
