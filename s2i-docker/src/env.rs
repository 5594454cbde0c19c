//! The environment of this process.

use std::{env, path::PathBuf};

use crate::{endpoint::HostEnv, tls::TlsRequest};

impl HostEnv {
    /// Reads the environment of this process. An empty variable counts as unset.
    #[must_use]
    pub fn from_env() -> Self {
        let docker_config =
            path("DOCKER_CONFIG").or_else(|| path("HOME").map(|home| home.join(".docker")));
        Self {
            docker_host: text("DOCKER_HOST"),
            docker_context: text("DOCKER_CONTEXT"),
            docker_config: docker_config.clone(),
            tls: TlsRequest {
                tls: text("DOCKER_TLS").is_some(),
                verify: text("DOCKER_TLS_VERIFY").is_some(),
                dir: path("DOCKER_CERT_PATH").or_else(|| docker_config.clone()),
                ..TlsRequest::default()
            },
            container_host: text("CONTAINER_HOST"),
            runtime_dir: path("XDG_RUNTIME_DIR"),
            configured: None,
        }
    }
}

fn text(name: &str) -> Option<String> {
    env::var(name)
        .ok()
        .filter(|value: &String| !value.is_empty())
}

fn path(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
