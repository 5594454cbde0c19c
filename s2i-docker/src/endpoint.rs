//! The choice of the socket to connect to.

use std::{os::unix::net::UnixStream, path::PathBuf};

use s2i_build::EngineError;
use s2i_core::{bounds, image::Digest};
use serde::Deserialize;

use crate::{
    ssh::Address,
    tls::{Tls, TlsRequest},
};

/// The environment of the process as far as it matters here. The caller reads it once.
#[derive(Clone, Debug, Default)]
pub struct HostEnv {
    /// `DOCKER_HOST`
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`
    pub docker_context: Option<String>,
    /// `DOCKER_CONFIG`, else `~/.docker`.
    pub docker_config: Option<PathBuf>,
    /// The request for TLS, of variables or options.
    pub tls: TlsRequest,
    /// `CONTAINER_HOST`, which Podman's client uses.
    pub container_host: Option<String>,
    /// `XDG_RUNTIME_DIR`
    pub runtime_dir: Option<PathBuf>,
    /// The URL of the configuration, which variables override, and the file that contains it.
    pub configured: Option<(String, PathBuf)>,
}

/// The engines that speak this API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
}

/// An address at which an engine is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `unix:///path`, `tcp://host:port` or `ssh://[user@]host[:port]`.
    pub url: String,
    /// The option, variable or file that the address comes from, for messages.
    pub from: String,
    /// The TLS of the connection; `None` for a plain one.
    pub tls: Option<Tls>,
}

/// The default socket of Docker.
const DOCKER_SOCKET: &str = "/var/run/docker.sock";

/// The default socket of Podman for root.
const PODMAN_SOCKET: &str = "/run/podman/podman.sock";

impl Endpoint {
    /// Returns the likely kind of engine, by the usual name of the socket. Only the engine itself knows.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        if self.url.ends_with("/podman.sock") {
            Flavour::Podman
        } else {
            Flavour::Docker
        }
    }

    /// Finds the engine: the one that is [named](Self::named), else one that
    /// [listens](Self::listening).
    ///
    /// # Errors
    /// [`EngineError::NoEndpoint`] when none of them is there.
    pub fn find(
        url: Option<&str>,
        flavour: Option<Flavour>,
        env: &HostEnv,
    ) -> Result<Self, EngineError> {
        match Self::named(url, flavour, env)? {
            Some(endpoint) => Ok(endpoint),
            None => Self::listening(flavour, env),
        }
    }

    /// Returns the configured endpoint without connecting to it. The sources are, in order: the option, the variables,
    /// s2i's configuration and Docker's current context.
    ///
    /// # Errors
    /// [`EngineError::NoEndpoint`] when the address is invalid or its scheme is not supported.
    pub fn named(
        url: Option<&str>,
        flavour: Option<Flavour>,
        env: &HostEnv,
    ) -> Result<Option<Self>, EngineError> {
        let set = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let is_docker = flavour != Some(Flavour::Podman);
        let is_podman = flavour != Some(Flavour::Docker);
        let requested = env.tls.tls();
        let named = if let Some(url) = url {
            Some((url.to_owned(), "--url".to_owned(), requested))
        } else if let Some(host) = set(&env.docker_host).filter(|_| is_docker) {
            Some((host, "DOCKER_HOST".into(), requested))
        } else if let Some(name) = set(&env.docker_context).filter(|_| is_docker) {
            context_host(&name, env)?
        } else if let Some(host) = set(&env.container_host).filter(|_| is_podman) {
            Some((host, "CONTAINER_HOST".into(), requested))
        } else if let Some((url, file)) = &env.configured {
            Some((url.clone(), file.display().to_string(), requested))
        } else if is_docker {
            context_host(&current_context(env), env)?
        } else {
            None
        };
        let endpoint = named.map(|(url, from, tls)| Self::checked(&url, &from, tls));
        endpoint.transpose()
    }

    /// Returns the first default socket that accepts connections, in the order Docker, rootless Docker, rootless
    /// Podman, Podman.
    ///
    /// # Errors
    /// [`EngineError::NoEndpoint`] when none of them does.
    pub fn listening(flavour: Option<Flavour>, env: &HostEnv) -> Result<Self, EngineError> {
        let mut tried = Vec::new();
        for (path, connected) in sockets(flavour, env) {
            match connected {
                Ok(()) => {
                    return Ok(Self {
                        url: format!("unix://{}", path.display()),
                        from: "its usual socket".into(),
                        tls: None,
                    });
                }
                Err(err) => tried.push(format!("{} ({})", path.display(), short(&err))),
            }
        }
        Err(EngineError::NoEndpoint {
            reason: format!("nothing listens on {}", tried.join(", ")),
        })
    }

    fn checked(url: &str, from: &str, tls: Option<Tls>) -> Result<Self, EngineError> {
        let no = |reason: String| Err(EngineError::NoEndpoint { reason });
        let url = if url.starts_with('/') {
            format!("unix://{url}")
        } else {
            url.to_owned()
        };
        match url.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => {
                if tls.is_some() {
                    return no(format!(
                        "{from} names `{url}`, a socket of this machine, and TLS is requested, which is for tcp://host:port"
                    ));
                }
            }
            Some(("tcp" | "http", host)) if !host.is_empty() => {}
            Some(("https", host)) if !host.is_empty() => {
                let tls = tls.or_else(|| {
                    let verify = true;
                    Some(Tls {
                        verify,
                        ..Tls::default()
                    })
                });
                return Ok(Self {
                    url,
                    from: from.into(),
                    tls,
                });
            }
            Some(("ssh", address)) => {
                Address::parse(address).map_err(|err| EngineError::NoEndpoint {
                    reason: format!("{from} names `{url}`: {err}"),
                })?;
                // The connection is that of SSH; variables for TLS are for other addresses.
                let (from, tls) = (from.into(), None);
                return Ok(Self { url, from, tls });
            }
            _ => {
                return no(format!(
                    "{from} names `{url}`, which is neither unix:///path nor tcp://host:port nor ssh://user@host"
                ));
            }
        }
        Ok(Self {
            url,
            from: from.into(),
            tls,
        })
    }
}

/// Tries to connect to each default socket in order, and returns the sockets with the results.
pub fn sockets(
    flavour: Option<Flavour>,
    env: &HostEnv,
) -> impl Iterator<Item = (PathBuf, std::io::Result<()>)> {
    let in_runtime_dir = |name: &str| env.runtime_dir.as_ref().map(|dir| dir.join(name));
    let sockets = [
        (Flavour::Docker, Some(PathBuf::from(DOCKER_SOCKET))),
        (Flavour::Docker, in_runtime_dir("docker.sock")),
        (Flavour::Podman, in_runtime_dir("podman/podman.sock")),
        (Flavour::Podman, Some(PathBuf::from(PODMAN_SOCKET))),
    ];
    let wanted = move |of: Flavour| flavour.is_none_or(|wanted| wanted == of);
    let paths = sockets
        .into_iter()
        .filter_map(move |(of, path)| path.filter(|_| wanted(of)));
    paths.map(|path| {
        let connected = UnixStream::connect(&path).map(drop);
        (path, connected)
    })
}

fn short(err: &std::io::Error) -> &'static str {
    match err.kind() {
        std::io::ErrorKind::NotFound => "not there",
        std::io::ErrorKind::PermissionDenied => "permission denied",
        std::io::ErrorKind::ConnectionRefused => "connection refused",
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
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// The address of an engine, its origin, and the TLS of the connection.
type Named = (String, String, Option<Tls>);

/// Returns the host of a Docker context, a description of the context, and its TLS. The default context has none.
fn context_host(name: &str, env: &HostEnv) -> Result<Option<Named>, EngineError> {
    let Some(dir) = &env.docker_config else {
        return Ok(None);
    };
    if name.is_empty() || name == "default" {
        return Ok(None);
    }
    let from = format!("the Docker context `{name}`");
    let id = Digest::of(name.as_bytes()).hex();
    let file = dir.join("contexts/meta").join(&id).join("meta.json");
    let meta = bounds::read_file(&file, bounds::FILE)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<ContextMeta>(&bytes).ok());
    match meta.and_then(|mut meta| meta.endpoints.remove("docker")) {
        Some(endpoint) => {
            let files = dir.join("contexts/tls").join(&id).join("docker");
            let tls = Tls::of_context(&files, !endpoint.skip_tls_verify);
            Ok(Some((endpoint.host, from, tls)))
        }
        None => Err(EngineError::NoEndpoint {
            reason: format!("{from} has no Docker endpoint in {}", file.display()),
        }),
    }
}

fn current_context(env: &HostEnv) -> String {
    let config = env
        .docker_config
        .as_ref()
        .map(|dir| dir.join("config.json"));
    let bytes = config
        .and_then(|file| bounds::read_file(&file, bounds::FILE).ok())
        .unwrap_or_default();
    serde_json::from_slice::<Config>(&bytes)
        .unwrap_or_default()
        .current_context
}

#[cfg(test)]
mod tests {
    use std::path::Path;

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
    fn option_overrides_variables_and_files() {
        let dir = tempfile::tempdir().unwrap();
        let meta = dir
            .path()
            .join("contexts/meta")
            .join(Digest::of(b"lab").hex());
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
        env.configured = Some(("unix:///own.sock".into(), "/etc/s2i/config.toml".into()));
        check(None, &env, "unix:///own.sock from /etc/s2i/config.toml");
        env.container_host = Some("unix:///podman.sock".into());
        check(None, &env, "unix:///podman.sock from CONTAINER_HOST");
        env.docker_context = Some("lab".into());
        check(None, &env, "unix:///lab.sock from the Docker context `lab`");
        env.docker_host = Some("tcp://127.0.0.1:2375".into());
        check(None, &env, "tcp://127.0.0.1:2375 from DOCKER_HOST");
        check(Some("/x.sock"), &env, "unix:///x.sock from --url");
    }

    #[test]
    fn unsupported_schemes_are_explained() {
        let no = "no container engine can be chosen: ";
        let env = HostEnv::default();
        check(
            Some("ssh://h:x"),
            &env,
            &format!("{no}--url names `ssh://h:x`: its port is not a number from 1 to 65535"),
        );
        check(Some("ssh://me@h"), &env, "ssh://me@h from --url");
        check(
            Some("x"),
            &env,
            &format!(
                "{no}--url names `x`, which is neither unix:///path nor tcp://host:port nor ssh://user@host"
            ),
        );
        let tls = HostEnv {
            tls: TlsRequest {
                tls: true,
                ..TlsRequest::default()
            },
            ..HostEnv::default()
        };
        check(Some("tcp://h:1"), &tls, "tcp://h:1 from --url");
        check(
            Some("unix:///x.sock"),
            &tls,
            &format!(
                "{no}--url names `unix:///x.sock`, a socket of this machine, and TLS is requested, which is for tcp://host:port"
            ),
        );
    }

    fn request(dir: Option<&Path>, tls: bool, verify: bool) -> HostEnv {
        let dir = dir.map(Path::to_owned);
        let tls = TlsRequest {
            tls,
            verify,
            dir,
            ..TlsRequest::default()
        };
        HostEnv {
            tls,
            ..HostEnv::default()
        }
    }

    #[test]
    fn usual_files_of_tls_count_if_they_exist() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), "").unwrap();
        let tls = |env: &HostEnv, url: &str| Endpoint::find(Some(url), None, env).unwrap().tls;
        let plain = request(Some(dir.path()), false, false);
        assert_eq!(tls(&plain, "tcp://h:1"), None);
        assert!(tls(&plain, "https://h:1").unwrap().verify);
        let found = tls(&request(Some(dir.path()), true, false), "tcp://h:1").unwrap();
        assert!(!found.verify && found.cert.is_none() && found.key.is_none());
        assert_eq!(found.ca, Some(dir.path().join("ca.pem")));
        let mut env = request(Some(dir.path()), false, true);
        env.tls.ca = Some("/other.pem".into());
        let found = tls(&env, "tcp://h:1").unwrap();
        assert!(found.verify);
        assert_eq!(found.ca, Some("/other.pem".into()));
    }

    #[test]
    fn contexts_have_certificates_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let id = Digest::of(b"lab").hex();
        let meta = dir.path().join("contexts/meta").join(&id);
        let files = dir.path().join("contexts/tls").join(&id).join("docker");
        std::fs::create_dir_all(&meta).unwrap();
        std::fs::create_dir_all(&files).unwrap();
        std::fs::write(files.join("key.pem"), "").unwrap();
        let env = HostEnv {
            docker_config: Some(dir.path().into()),
            docker_context: Some("lab".into()),
            ..HostEnv::default()
        };
        for (skip, verify) in [("false", true), ("true", false)] {
            let text = format!(
                r#"{{"Name":"lab","Endpoints":{{"docker":{{"Host":"tcp://h:1","SkipTLSVerify":{skip}}}}}}}"#
            );
            std::fs::write(meta.join("meta.json"), text).unwrap();
            let tls = Endpoint::find(None, None, &env).unwrap().tls.unwrap();
            assert_eq!(tls.verify, verify);
            assert_eq!(tls.key, Some(files.join("key.pem")));
            assert_eq!(tls.ca, None);
        }
    }
}
