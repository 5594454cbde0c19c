//! `images.lock`: the artifacts of images, with the sources and the digest of each.
//!
//! A source names an ecosystem and a package in it, never a host: the client of the ecosystem knows its registry
//! and the mirrors and proxies of this machine. Every source has the digest of its file, so the host that
//! delivers it need not be trusted.

use std::fmt;

use anyhow::{Context, Result, bail};
use s2i_oci::Digest;
use serde::{Deserialize, Serialize};

use crate::dist::Arch;

const HEAD: &str = "\
# What builder and runtime images are made of. Written by `cargo xtask images --update`.
#
# Sources name an ecosystem and a package in it; any one of an artifact's sources will do, and all of
# them give the same image. Digests and sizes are those of the file that the source's client downloads.
";

/// The `arch` of an artifact that is the same for all processors.
pub(super) const ANY: &str = "any";

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    /// The `created` of all images, as RFC 3339 text: the release time of the Go toolchain. It does not depend
    /// on the time of composition, and shows the age of the images.
    pub(super) created: String,
    /// The artifacts.
    #[serde(rename = "artifact", default)]
    pub(super) artifacts: Vec<Artifact>,
}

/// One artifact for one processor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Artifact {
    /// The name in definitions.
    pub(super) name: String,
    /// Its version.
    pub(super) version: String,
    /// Its processor, as Go calls it, or [`ANY`].
    pub(super) arch: String,
    /// The sources, best first.
    #[serde(rename = "source")]
    pub(super) sources: Vec<Source>,
}

/// A source of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Source {
    /// The package.
    #[serde(flatten)]
    pub(super) package: Package,
    /// The digest of the file.
    pub(super) sha256: String,
    /// The length of the file in bytes.
    pub(super) size: u64,
}

/// A package in an ecosystem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Package {
    /// A Go module: `path@version`.
    GoModule(String),
    /// A wheel of `PyPI`: `name==version for platform`.
    Pypi(String),
    /// A package of npm: `name@version`.
    Npm(String),
    /// A Debian package: its path in an archive, starting with `pool`.
    Debian(String),
    /// A Debian package in the snapshots of the archive, which keep packages that a point release removes: the
    /// time of a snapshot, and the path in it.
    DebianSnapshot(String),
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = toml::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(text.trim_end())
    }
}

impl Source {
    /// Returns the digest of the file.
    pub(super) fn digest(&self) -> Result<Digest> {
        format!("sha256:{}", self.sha256)
            .parse()
            .with_context(|| format!("in images.lock, {}", self.package))
    }
}

impl Lock {
    /// Reads the lock file of this workspace.
    pub(super) fn read() -> Result<Self> {
        let path = super::folder().join("images.lock");
        let text = std::fs::read_to_string(&path);
        let text =
            text.with_context(|| format!("can't read {}; make it with: {RENEW}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("can't understand {}", path.display()))
    }

    /// Replaces the lock file of this workspace.
    pub(super) fn write(&self) -> Result<()> {
        let path = super::folder().join("images.lock");
        std::fs::write(&path, self.to_string())
            .with_context(|| format!("can't write {}", path.display()))
    }

    /// Returns the artifact of this name for this processor.
    pub(super) fn artifact(&self, name: &str, arch: Arch) -> Result<&Artifact> {
        let found = self
            .artifacts
            .iter()
            .find(|artifact| artifact.name == name && [arch.go(), ANY].contains(&&*artifact.arch));
        match found {
            Some(artifact) => Ok(artifact),
            None => bail!("images.lock has no `{name}` for {arch}; renew it with: {RENEW}"),
        }
    }
}

/// The command that renews the lock.
pub(super) const RENEW: &str = "cargo xtask images --update";

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = toml::to_string(self).map_err(|_| fmt::Error)?;
        write!(f, "{HEAD}\n{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_survives_a_round_trip() {
        let source = |package| Source {
            package,
            sha256: "a".repeat(64),
            size: 7,
        };
        let module = Package::GoModule("example.com/a@v1".into());
        let wheel = Package::Pypi("a==1 for manylinux_2_17_x86_64".into());
        let npm = Package::Npm("a@1".into());
        let debian = Package::Debian("pool/main/a/a/a_1_amd64.deb".into());
        let snapshot =
            Package::DebianSnapshot("19800101T235959Z/pool/main/a/a/a_1_amd64.deb".into());
        let lock = Lock {
            created: "1980-01-01T00:00:01Z".into(),
            artifacts: vec![Artifact {
                name: "a".into(),
                version: "1".into(),
                arch: "amd64".into(),
                sources: [module, wheel, npm, debian, snapshot].map(source).to_vec(),
            }],
        };
        assert_eq!(toml::from_str::<Lock>(&lock.to_string()).unwrap(), lock);
        let err = lock.artifact("b", Arch::Amd64).unwrap_err();
        assert_eq!(
            err.to_string(),
            "images.lock has no `b` for amd64; renew it with: cargo xtask images --update"
        );
    }

    #[test]
    fn the_lock_of_this_workspace_is_in_its_one_form() {
        let lock = Lock::read().unwrap();
        let text = std::fs::read_to_string(super::super::folder().join("images.lock")).unwrap();
        assert_eq!(lock.to_string(), text);
        for artifact in &lock.artifacts {
            assert!(
                artifact
                    .sources
                    .iter()
                    .all(|source| source.digest().is_ok()),
                "{}",
                artifact.name
            );
        }
        for arch in Arch::ALL {
            lock.artifact("go", arch).unwrap();
        }
    }
}
