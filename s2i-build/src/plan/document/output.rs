//! An output: the image that becomes of the container of a stage.

use std::collections::BTreeMap;

use s2i_core::{
    ContainerPath, EnvVar, ImageRef, environment, image::ContainerConfig, wire::Removal,
};
use serde::{Deserialize, Serialize};

use super::StageName;
use crate::facts::variables_of;

/// An image that is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The stage whose container becomes the image.
    pub stage: StageName,
    /// The paths that are removed first, with everything below them.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<RemovedPath>"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<Removal>,
    /// The programs that must exist then, and be executable.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<ContainerPath>,
    /// The file of the container whose labels are added to those of the config, if it exists.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels_file: Option<ContainerPath>,
    /// The differences of its config from that of the image that the stage starts from.
    pub config: ConfigChanges,
    /// The name of the image. Without one it is known by its ID alone.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<ImageRef>,
    /// The names that the image gets beside that.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_names: Vec<ImageRef>,
    /// The consequence when the image exists and can't get its name.
    #[serde(default)]
    pub on_naming_failure: OnNamingFailure,
    /// The ID of the image that has the name now, and that is removed when it has lost it and has no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// The form of a [`Removal`] in the schema.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct RemovedPath {
    /// The absolute path.
    path: String,
    /// A program that needs the path: if it exists and is executable, the path stays.
    #[serde(default)]
    unless: Option<String>,
}

/// The consequence when an image can't get its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnNamingFailure {
    /// The build fails.
    #[default]
    Fail,
    /// A warning; the image is removed.
    Warn,
}

/// The consequence for the entry point of a base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Entrypoint {
    /// It is dropped.
    #[default]
    Drop,
    /// It stays if it runs its arguments; otherwise it is dropped with a notice. It is tried in a container of the base
    /// with the programs `true` and `false` of the image.
    KeepIfItRunsArguments,
    /// It stays, because the command is the base's own.
    Keep,
}

/// The differences of the config of an image from that of its base. All else stays, but triggers of `ONBUILD`, which
/// have had their effect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfigChanges {
    /// Variables that are added, or replaced where the base has the same name.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<super::stage::Variable>"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
    /// Labels that are added or replaced.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The consequence for the entry point of the base, which would wrap the command.
    #[serde(default)]
    pub entrypoint: Entrypoint,
    /// The command, in place of the base's.
    pub cmd: Vec<String>,
    /// The config of the base after its `ONBUILD` triggers, which takes the place of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_triggers: Option<Box<ContainerConfig>>,
}

impl ConfigChanges {
    /// Returns the whole config of an image on this base, whose entry point runs its arguments.
    #[must_use]
    pub fn applied_to(&self, base: &ContainerConfig) -> ContainerConfig {
        let base = self.after_triggers.as_deref().unwrap_or(base);
        let env = environment::merge([&variables_of(base)[..], &self.env[..]]);
        let mut labels = base.labels.clone();
        labels.extend(self.labels.clone());
        let mut base = base.clone();
        if base.working_dir.is_empty() {
            // An engine would take that of the build's container.
            base.working_dir = "/".into();
        }
        ContainerConfig {
            env: env.iter().map(EnvVar::to_entry).collect(),
            entrypoint: match self.entrypoint {
                Entrypoint::Drop => Vec::new(),
                Entrypoint::KeepIfItRunsArguments | Entrypoint::Keep => base.entrypoint,
            },
            cmd: self.cmd.clone(),
            labels,
            on_build: Vec::new(),
            ..base
        }
    }
}
