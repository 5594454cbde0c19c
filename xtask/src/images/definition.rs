//! `image.toml`: what an image is, as data.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use s2i_core::ImageRef;
use s2i_oci::config::{ContainerConfig, ImageConfig, Platform};
use serde::Deserialize;

use super::{folder, lock::Lock};
use crate::dist::Arch;

/// The images that there are.
pub(super) const NAMES: [&str; 2] = ["go", "go-runtime"];

/// All names.
pub(super) fn all() -> Vec<String> {
    NAMES.map(str::to_owned).to_vec()
}

/// One image.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Definition {
    /// The folder that describes it.
    #[serde(skip)]
    pub(super) name: String,
    /// What engines are to know it by.
    pub(super) names: Vec<ImageRef>,
    /// The bytes that its layers may have together.
    pub(super) size_limit: u64,
    /// Its layers, lowest first.
    pub(super) contents: Vec<Part>,
    /// The scripts that it has.
    pub(super) scripts: BTreeSet<String>,
    /// Files of its folder, by their place in the image.
    #[serde(default)]
    pub(super) files: BTreeMap<String, String>,
    /// The user of its containers.
    pub(super) user: String,
    /// Where they start.
    pub(super) working_dir: String,
    /// Their ports.
    pub(super) ports: BTreeSet<String>,
    /// Their command.
    pub(super) cmd: Vec<String>,
    /// Their variables.
    pub(super) env: Vec<String>,
    /// Its labels.
    pub(super) labels: BTreeMap<String, String>,
}

/// What a layer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Part {
    /// Accounts, directories, certificates, time zones.
    System,
    /// The Go toolchain, and the files of the definition.
    Go,
    /// The scripts.
    Scripts,
}

impl Part {
    /// As definitions call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Go => "go",
            Self::Scripts => "scripts",
        }
    }

    /// What `docker history` says of the layer.
    pub(super) fn history(self) -> &'static str {
        match self {
            Self::System => "accounts, certificates, time zones",
            Self::Go => "Go toolchain",
            Self::Scripts => "s2i scripts",
        }
    }
}

impl Definition {
    /// Reads the description of an image.
    pub(super) fn read(name: &str, lock: &Lock) -> Result<Self> {
        let path = folder().join(name).join("image.toml");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("can't read {}", path.display()))?;
        let version = &lock.artifact("go", Arch::Amd64)?.version;
        let minor = version
            .rsplit_once('.')
            .map_or(version.as_str(), |(minor, _)| minor);
        let text = text.replace("{version}", version).replace("{minor}", minor);
        let definition: Self = toml::from_str(&text)
            .with_context(|| format!("can't understand {}", path.display()))?;
        Ok(Self {
            name: name.to_owned(),
            ..definition
        })
    }

    /// The config of the image, without layers.
    pub(super) fn config(&self, arch: Arch, created: &str) -> ImageConfig {
        let config = ContainerConfig {
            user: self.user.clone(),
            exposed_ports: self.ports.clone(),
            env: self.env.clone(),
            cmd: self.cmd.clone(),
            working_dir: self.working_dir.clone(),
            labels: self.labels.clone(),
            ..ContainerConfig::default()
        };
        let mut platform = Platform::linux(arch.go());
        platform.variant = (arch == Arch::Arm64).then(|| "v8".into());
        let mut image = ImageConfig::new(platform).with_config(config);
        image.created = Some(created.to_owned());
        image
    }
}
