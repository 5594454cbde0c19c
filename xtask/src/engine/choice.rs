//! The choice of the engine for a task: the requested one, or one that responds, or else one of our own.

use std::{fs, os::unix::fs::chown, path::Path};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum as _;
use s2i_test_engines::{Kind, ROOT, api, down, endpoint, host, up, user};

use super::target::{NATIVE, NATIVE_USER, Target};

/// The default socket of Docker.
const USUAL_SOCKET: &str = "unix:///var/run/docker.sock";

/// The user for the embedded engine without root.
const USER: &str = "s2i-native";

/// The chosen engine. If it was started for the task, it is stopped when dropped.
pub(crate) struct Choice {
    /// The engine.
    pub(crate) target: Target,
    /// The kind, if it is one of the test engines.
    pub(crate) kind: Option<Kind>,
    started: bool,
}

/// The fallback if no engine was requested and none responds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Otherwise {
    /// Debian's Docker, started for the task if it is installed; otherwise the embedded engine with a separate
    /// store.
    Docker,
    /// The embedded engine with the user's own store, as for `s2i` itself.
    Native,
}

impl Choice {
    /// Chooses the engine that was requested by kind, `native`, `native-user` or URL. Without a request, it is
    /// that of `DOCKER_HOST`, the test Docker if it is up, the default socket, or else `otherwise`.
    pub(crate) fn make(asked: Option<&str>, otherwise: Otherwise) -> Result<Self> {
        if let Some(asked) = asked {
            return match Kind::from_str(asked, true) {
                Ok(kind) => Self::of_kind(kind),
                Err(_) if asked == NATIVE => Ok(Self::native(otherwise)),
                Err(_) if asked == NATIVE_USER => Self::native_user(),
                Err(_) => Self::answering(asked),
            };
        }
        if let Ok(url) = std::env::var("DOCKER_HOST") {
            return Self::answering(&url)
                .context("DOCKER_HOST names an engine that does not answer");
        }
        if let Some(endpoint) = endpoint(Kind::Docker) {
            return Self::of_kind(endpoint.kind);
        }
        Self::answering(USUAL_SOCKET).or_else(|_| match otherwise {
            Otherwise::Docker if host::find("dockerd").is_some() => Self::of_kind(Kind::Docker),
            Otherwise::Docker | Otherwise::Native => Ok(Self::native(otherwise)),
        })
    }

    fn of_kind(kind: Kind) -> Result<Self> {
        ensure!(
            kind != Kind::Kubernetes,
            "{kind} has no images of its own; `cargo xtask test --engine {kind}` tests builds on it"
        );
        let was_up = endpoint(kind).is_some();
        let endpoint = up(kind)?;
        Ok(Self {
            target: Target::Api(endpoint.url),
            kind: Some(kind),
            started: !was_up,
        })
    }

    fn answering(url: &str) -> Result<Self> {
        api::version(url).with_context(|| format!("no container engine answers at {url}"))?;
        Ok(Self {
            target: Target::Api(url.to_owned()),
            kind: None,
            started: false,
        })
    }

    /// Returns the embedded engine as an ordinary user, who is removed in the end with all files.
    fn native_user() -> Result<Self> {
        let home = Path::new(ROOT).join(NATIVE_USER);
        fs::create_dir_all(&home).with_context(|| format!("can't make {}", home.display()))?;
        let user = user::make(USER, &home)?;
        chown(&home, Some(user.uid), Some(user.gid))?;
        let user = USER.to_owned();
        Ok(Self {
            target: Target::NativeUser { user, home },
            kind: None,
            started: true,
        })
    }

    /// Returns the embedded engine, with the user's own store for images that the user keeps, otherwise with a
    /// separate one.
    fn native(otherwise: Otherwise) -> Self {
        let target = match otherwise {
            Otherwise::Native => Target::Native(None),
            Otherwise::Docker => Target::private(),
        };
        Self {
            target,
            kind: None,
            started: false,
        }
    }
}

impl Drop for Choice {
    fn drop(&mut self) {
        if let Target::NativeUser { user, home } = &self.target {
            let removed = fs::remove_dir_all(home).map_err(Into::into);
            if let Err(err) = removed.and_then(|()| user::remove(user)) {
                eprintln!("warning: can't remove the user {user}: {err:#}");
            }
        }
        let Some(kind) = self.kind.filter(|_| self.started) else {
            return;
        };
        if let Err(err) = down(kind) {
            eprintln!("warning: can't stop {kind}: {err:#}");
        }
    }
}
