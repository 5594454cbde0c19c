//! Which socket to speak to.

use std::{
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use s2i_build::EngineError;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// What the process knows of its surroundings, read once by whoever owns them.
#[derive(Clone, Debug, Default)]
pub struct HostEnv {
    /// `DOCKER_HOST`
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`
    pub docker_context: Option<String>,
    /// `DOCKER_CONFIG`, else `~/.docker`.
    pub docker_config: Option<PathBuf>,
    /// Whether `DOCKER_TLS_VERIFY` or `DOCKER_TLS` ask for TLS.
    pub docker_tls: bool,
    /// `CONTAINER_HOST`, which Podman's client uses.
    pub container_host: Option<String>,
    /// `XDG_RUNTIME_DIR`
    pub runtime_dir: Option<PathBuf>,
}

/// The engines that speak this API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
}

/// A place where an engine is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `unix:///path` or `tcp://host:port`.
    pub url: String,
    /// What said so, for messages.
    pub from: String,
}

/// The socket of Docker that is there on most machines.
const DOCKER_SOCKET: &str = "/var/run/docker.sock";

/// The socket of Podman for root.
const PODMAN_SOCKET: &str = "/run/podman/podman.sock";

impl Endpoint {
    /// Finds the engine: what the user names, what the variables name, what Docker's current context
    /// names, then the usual sockets in the order Docker, rootless Docker, rootless Podman, Podman.
    ///
    /// # Errors
    /// [`EngineError::NoEndpoint`] when none of them is there.
    pub fn find(
        url: Option<&str>,
        flavour: Option<Flavour>,
        env: &HostEnv,
    ) -> Result<Self, EngineError> {
        if let Some(url) = url {
            return Self::checked(url, "--url", env);
        }
        if flavour != Some(Flavour::Podman) {
            if let Some(host) = env.docker_host.as_deref().filter(|host| !host.is_empty()) {
                return Self::checked(host, "DOCKER_HOST", env);
            }
            if let Some(host) = context_host(env)? {
                return Self::checked(&host.0, &host.1, env);
            }
        }
        let container_host = env.container_host.as_deref();
        if let Some(host) = container_host.filter(|host| !host.is_empty())
            && flavour != Some(Flavour::Docker)
        {
            return Self::checked(host, "CONTAINER_HOST", env);
        }
        usual_socket(flavour, env)
    }

    fn checked(url: &str, from: &str, env: &HostEnv) -> Result<Self, EngineError> {
        let no = |reason: String| Err(EngineError::NoEndpoint { reason });
        let url = if url.starts_with('/') {
            format!("unix://{url}")
        } else {
            url.to_owned()
        };
        match url.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => {}
            Some(("tcp" | "http", _)) if env.docker_tls => {
                return no(format!(
                    "{from} names `{url}` and TLS is asked for, which this s2i does not speak"
                ));
            }
            Some(("tcp" | "http", host)) if !host.is_empty() => {}
            Some((scheme @ ("https" | "ssh"), _)) => {
                return no(format!(
                    "{from} names `{url}`, and this s2i does not speak {scheme} to engines"
                ));
            }
            _ => {
                return no(format!(
                    "{from} names `{url}`, which is neither unix:///path nor tcp://host:port"
                ));
            }
        }
        Ok(Self {
            url,
            from: from.into(),
        })
    }
}

/// The first usual socket that somebody listens on.
fn usual_socket(flavour: Option<Flavour>, env: &HostEnv) -> Result<Endpoint, EngineError> {
    let in_runtime_dir = |name: &str| env.runtime_dir.as_ref().map(|dir| dir.join(name));
    let sockets = [
        (Flavour::Docker, Some(PathBuf::from(DOCKER_SOCKET))),
        (Flavour::Docker, in_runtime_dir("docker.sock")),
        (Flavour::Podman, in_runtime_dir("podman/podman.sock")),
        (Flavour::Podman, Some(PathBuf::from(PODMAN_SOCKET))),
    ];
    let wanted = |of: Flavour| flavour.is_none_or(|wanted| wanted == of);
    let mut tried = Vec::new();
    for path in sockets
        .into_iter()
        .filter_map(|(of, path)| path.filter(|_| wanted(of)))
    {
        match UnixStream::connect(&path) {
            Ok(_) => {
                return Ok(Endpoint {
                    url: format!("unix://{}", path.display()),
                    from: "its usual socket".into(),
                });
            }
            Err(err) => tried.push(format!("{} ({})", path.display(), short(&err))),
        }
    }
    Err(EngineError::NoEndpoint {
        reason: format!("nobody listens on {}", tried.join(", ")),
    })
}

fn short(err: &std::io::Error) -> &'static str {
    match err.kind() {
        std::io::ErrorKind::NotFound => "not there",
        std::io::ErrorKind::PermissionDenied => "permission denied",
        std::io::ErrorKind::ConnectionRefused => "nobody answers",
        _ => "can't connect",
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    current_context: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextMeta {
    endpoints: std::collections::BTreeMap<String, ContextEndpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextEndpoint {
    host: String,
}

/// The host of Docker's current context, and what to call it. The default context has none.
fn context_host(env: &HostEnv) -> Result<Option<(String, String)>, EngineError> {
    let Some(dir) = &env.docker_config else {
        return Ok(None);
    };
    let name = match &env.docker_context {
        Some(name) if !name.is_empty() => name.clone(),
        _ => current_context(dir),
    };
    if name.is_empty() || name == "default" {
        return Ok(None);
    }
    let from = format!("the Docker context `{name}`");
    let file = dir
        .join("contexts/meta")
        .join(hex(&Sha256::digest(&name)))
        .join("meta.json");
    let meta = std::fs::read(&file)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<ContextMeta>(&bytes).ok());
    match meta.and_then(|mut meta| meta.endpoints.remove("docker")) {
        Some(endpoint) => Ok(Some((endpoint.host, from))),
        None => Err(EngineError::NoEndpoint {
            reason: format!("{from} has no Docker endpoint in {}", file.display()),
        }),
    }
}

fn current_context(dir: &Path) -> String {
    let bytes = std::fs::read(dir.join("config.json")).unwrap_or_default();
    serde_json::from_slice::<Config>(&bytes)
        .unwrap_or_default()
        .current_context
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: Option<&str>, env: &HostEnv, expected: &str) {
        let shown = match Endpoint::find(url, None, env) {
            Ok(endpoint) => format!("{} from {}", endpoint.url, endpoint.from),
            Err(err) => err.to_string(),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_user_wins_over_the_variable_over_the_context() {
        let dir = tempfile::tempdir().unwrap();
        let meta = dir
            .path()
            .join("contexts/meta")
            .join(hex(&Sha256::digest("lab")));
        std::fs::create_dir_all(&meta).unwrap();
        std::fs::write(
            meta.join("meta.json"),
            r#"{"Name":"lab","Endpoints":{"docker":{"Host":"unix:///lab.sock"}}}"#,
        )
        .unwrap();
        std::fs::write(
            dir.path().join("config.json"),
            r#"{"currentContext":"lab","auths":{}}"#,
        )
        .unwrap();
        let mut env = HostEnv {
            docker_config: Some(dir.path().into()),
            ..HostEnv::default()
        };
        check(None, &env, "unix:///lab.sock from the Docker context `lab`");
        env.docker_host = Some("tcp://127.0.0.1:2375".into());
        check(None, &env, "tcp://127.0.0.1:2375 from DOCKER_HOST");
        check(Some("/x.sock"), &env, "unix:///x.sock from --url");
    }

    #[test]
    fn what_can_not_be_spoken_is_said() {
        let no = "can't tell which container engine to use: ";
        let env = HostEnv::default();
        check(
            Some("ssh://h"),
            &env,
            &format!("{no}--url names `ssh://h`, and this s2i does not speak ssh to engines"),
        );
        check(
            Some("x"),
            &env,
            &format!("{no}--url names `x`, which is neither unix:///path nor tcp://host:port"),
        );
        let tls = HostEnv {
            docker_tls: true,
            ..HostEnv::default()
        };
        check(
            Some("tcp://h:1"),
            &tls,
            &format!(
                "{no}--url names `tcp://h:1` and TLS is asked for, which this s2i does not speak"
            ),
        );
    }
}
