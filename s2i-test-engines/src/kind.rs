//! The kinds of engine.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The folder of all engines. It is short, because the path of a socket has at most 107 bytes.
pub const ROOT: &str = "/var/tmp/s2i-engines";

/// The kind of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Debian's Docker with API 1.41, the oldest supported version.
    Docker,
    /// The newest Docker, built from source, with the containerd image store.
    DockerLatest,
    /// Debian's Podman as root.
    Podman,
    /// Debian's Podman as an ordinary user.
    PodmanUser,
    /// Debian's registry on loopback.
    Registry,
    /// A Kubernetes of one node with a registry, built from source.
    Kubernetes,
}

impl Kind {
    /// All kinds, in the order in which they are listed.
    pub const ALL: [Self; 6] = [
        Self::Docker,
        Self::DockerLatest,
        Self::Podman,
        Self::PodmanUser,
        Self::Registry,
        Self::Kubernetes,
    ];

    /// Returns the name for the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::DockerLatest => "docker-latest",
            Self::Podman => "podman",
            Self::PodmanUser => "podman-user",
            Self::Registry => "registry",
            Self::Kubernetes => "kubernetes",
        }
    }

    /// Returns the folder of this engine, below which it writes all its files.
    #[must_use]
    pub fn dir(self) -> PathBuf {
        Path::new(ROOT).join(self.name())
    }

    /// Returns the control group of this engine's containers, for engines with an option for it.
    pub(crate) fn cgroup(self) -> String {
        format!("/s2i-engine-{self}")
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_printed_and_stored_names_are_the_same() {
        for kind in Kind::ALL {
            assert_eq!(kind.to_possible_value().unwrap().get_name(), kind.name());
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        assert_eq!(Kind::value_variants(), Kind::ALL);
    }
}
