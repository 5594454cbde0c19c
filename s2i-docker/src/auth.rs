//! Credentials for registries, from Docker's own configuration.

use std::{collections::BTreeMap, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
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
    let registry = image.registry().filter(|_| !is_default(image));
    let registry = registry.unwrap_or(DOCKER_HUB);
    let keys = [
        registry.to_owned(),
        format!("https://{registry}"),
        format!("https://{registry}/v1/"),
    ];
    let entry = keys.iter().find_map(|key| config.auths.remove(key))?;
    let (username, password) = entry.auth.as_deref().and_then(name_and_password).unzip();
    Some(DockerCredentials {
        username,
        password,
        identitytoken: entry.identitytoken,
        serveraddress: Some(registry.to_owned()),
        ..DockerCredentials::default()
    })
}

/// Whether the registry that was typed is the one that names without a registry stand for.
fn is_default(image: &ImageRef) -> bool {
    let host = |image: &ImageRef| image.normalised().split('/').next().map(str::to_owned);
    let bare = "image".parse().ok();
    bare.is_some_and(|bare| host(&bare) == host(image))
}

/// What the file keeps as one text. Engines take it only apart: the text is the clients' own.
fn name_and_password(auth: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(auth).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.trim_matches('\0').to_owned()))
}
