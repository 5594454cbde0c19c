//! Which engine a task works with: what was asked for, what answers anyway, else one of our own.

use anyhow::{Context, Result};
use clap::ValueEnum as _;

use super::{down, endpoint, http, kind::Kind, up};

/// Where Docker listens on most machines.
const USUAL_SOCKET: &str = "unix:///var/run/docker.sock";

/// An engine to work with. One that was started for it is taken down with it.
pub(crate) struct Choice {
    /// How clients select it.
    pub(crate) url: String,
    /// The kind, when it is one of ours.
    pub(crate) kind: Option<Kind>,
    started: bool,
}

impl Choice {
    /// The engine that was asked for by kind or URL; else `DOCKER_HOST`, one of ours that is up, the
    /// usual socket; else Debian's Docker, started for this.
    pub(crate) fn make(asked: Option<&str>) -> Result<Self> {
        if let Some(asked) = asked {
            return match Kind::from_str(asked, true) {
                Ok(kind) => Self::of_kind(kind),
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
        // Nobody there, or nobody who answers: one of our own.
        Self::answering(USUAL_SOCKET).or_else(|_| Self::of_kind(Kind::Docker))
    }

    fn of_kind(kind: Kind) -> Result<Self> {
        let was_up = endpoint(kind).is_some();
        let endpoint = up(kind)?;
        Ok(Self {
            url: endpoint.url,
            kind: Some(kind),
            started: !was_up,
        })
    }

    fn answering(url: &str) -> Result<Self> {
        http::get(url, "/version")
            .with_context(|| format!("no container engine answers at {url}"))?;
        Ok(Self {
            url: url.to_owned(),
            kind: None,
            started: false,
        })
    }
}

impl Drop for Choice {
    fn drop(&mut self) {
        let Some(kind) = self.kind.filter(|_| self.started) else {
            return;
        };
        if let Err(err) = down(kind) {
            eprintln!("warning: can't stop {kind}: {err:#}");
        }
    }
}
