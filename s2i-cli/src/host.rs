//! What the process knows of its surroundings: the one place that reads them.

use std::{
    env,
    io::{self, IsTerminal as _},
    path::PathBuf,
};

use s2i_docker::HostEnv;

/// Everything about the process that behaviour depends on.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) engine: HostEnv,
    pub(crate) working_dir: PathBuf,
    pub(crate) temp_dir: PathBuf,
    /// `SOURCE_DATE_EPOCH` as it was set.
    pub(crate) epoch: Option<String>,
    /// Whether somebody watches standard error who sees a line change in place.
    pub(crate) is_interactive: bool,
    pub(crate) wants_color: bool,
}

impl Host {
    pub(crate) fn read() -> Self {
        let text = |name| {
            env::var(name)
                .ok()
                .filter(|value: &String| !value.is_empty())
        };
        let path = |name| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let is_terminal = io::stderr().is_terminal();
        Self {
            engine: HostEnv {
                docker_host: text("DOCKER_HOST"),
                docker_context: text("DOCKER_CONTEXT"),
                docker_config: path("DOCKER_CONFIG")
                    .or_else(|| path("HOME").map(|home| home.join(".docker"))),
                docker_tls: text("DOCKER_TLS_VERIFY")
                    .or_else(|| text("DOCKER_TLS"))
                    .is_some(),
                container_host: text("CONTAINER_HOST"),
                runtime_dir: path("XDG_RUNTIME_DIR"),
            },
            working_dir: env::current_dir().unwrap_or_default(),
            temp_dir: env::temp_dir(),
            epoch: text(s2i_core::env_var::SOURCE_DATE_EPOCH),
            is_interactive: is_terminal
                && text("CI").is_none()
                && text("TERM").is_none_or(|term| term != "dumb"),
            wants_color: is_terminal && text("NO_COLOR").is_none(),
        }
    }
}
