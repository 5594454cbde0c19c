//! Which engine a task works with: what was asked for, what answers anyway, else one of our own.

use std::{fs, os::unix::fs::chown, path::Path};

use anyhow::{Context, Result};
use clap::ValueEnum as _;
use s2i_test_engines::{Kind, ROOT, api, down, endpoint, host, up, user};

use super::target::{NATIVE, NATIVE_USER, Target};

/// Where Docker listens on most machines.
const USUAL_SOCKET: &str = "unix:///var/run/docker.sock";

/// Who the embedded engine is when it is not root.
const USER: &str = "s2i-native";

/// An engine to work with. One that was started for it is taken down with it.
pub(crate) struct Choice {
    /// The engine.
    pub(crate) target: Target,
    /// The kind, when it is one of ours.
    pub(crate) kind: Option<Kind>,
    started: bool,
}

/// What to work with when nothing was asked for and nothing answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Otherwise {
    /// Debian's Docker, started for it, where it is installed; else the embedded engine over a store of its own.
    Docker,
    /// The embedded engine over the user's own store, as `s2i` itself would.
    Native,
}

impl Choice {
    /// The engine that was asked for by kind, `native`, `native-user` or URL; else `DOCKER_HOST`, one of ours that is
    /// up, the usual socket; else `otherwise`.
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

    /// The embedded engine as an ordinary user, who goes in the end with all that is theirs.
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

    /// What is for the user to keep goes into the user's own store, all else into one of ours.
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
