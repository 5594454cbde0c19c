//! The plan of a build as a document.
//!
//! A plan has everything that a build does and nothing else: its inputs, pinned; the stages, each a container with
//! steps from top to bottom; and the images that become of them. Whatever carries it out (an engine, a Dockerfile, a
//! pod) reads it in that order and chooses nothing; what happens on a failure is in it as well. Secrets and
//! credentials are not in it: a secret is there by its name, and its value goes to the executor beside the plan.
//!
//! Written as JSON and read again, a plan is the same; fields and versions that are not known are refused. The schema
//! is `docs/plan.schema.json`. The format is unstable: it changes with its [`Version`].

mod check;
mod inputs;
mod output;
mod stage;

use s2i_core::Times;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use check::PlanReferenceError;
pub use inputs::{
    ImageInput, ImageInputs, ImageRole, Inputs, Lfs, ScriptsInput, SecretInput, SourceFilter,
    SourceInput, SourceOrigin, Submodules, TrustInput,
};
pub use output::{ConfigChanges, Entrypoint, OnNamingFailure, Output};
pub use stage::{
    Copy, CopySource, FetchedScripts, Inject, OnStageFailure, Run, SavedArtifacts, SourcePath,
    Stage, StageName, StagePaths, Step, User, UserOrigin,
};

/// A whole build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BuildPlan {
    /// The version of the format.
    pub version: Version,
    /// The images, the source and all else that the build starts from.
    pub inputs: Inputs,
    /// The modification times of files, in seconds since 1970.
    #[cfg_attr(feature = "schema", schemars(with = "TimesForm"))]
    pub times: Times,
    /// The containers, in the order in which they start. A stage whose standard output another one
    /// [copies](CopySource::Stdout) runs when that copy is due.
    pub stages: Vec<Stage>,
    /// The images that are made. The first is the result; it gets its name when all of them exist.
    pub outputs: Vec<Output>,
}

/// The form of [`Times`] in the schema.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct TimesForm {
    /// The time of everything that a program makes, and of uploaded directories and links.
    new: u64,
    /// The latest time that any other file may have; one that is later gets this time. Without it, files keep their own
    /// times.
    #[serde(default)]
    latest: Option<u64>,
}

/// The version of the format of a plan: [`Version::CURRENT`] is the only one that can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "u32", into = "u32")]
pub struct Version;

/// A version of the format that this s2i can't read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the plan has version {0}; this s2i reads version {current}", current = Version::CURRENT)]
pub struct UnknownVersion(u32);

impl Version {
    /// The number of the format that this version of s2i reads and writes.
    pub const CURRENT: u32 = 1;
}

impl TryFrom<u32> for Version {
    type Error = UnknownVersion;

    fn try_from(number: u32) -> Result<Self, UnknownVersion> {
        if number == Self::CURRENT {
            Ok(Self)
        } else {
            Err(UnknownVersion(number))
        }
    }
}

impl From<Version> for u32 {
    fn from(_: Version) -> Self {
        Version::CURRENT
    }
}

impl BuildPlan {
    /// Returns the stage of this name.
    #[must_use]
    pub fn stage(&self, name: StageName) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// Returns whether another stage copies the standard output of this one, so that it runs for that copy alone.
    #[must_use]
    pub fn is_streamed(&self, name: StageName) -> bool {
        let mut saved = self.stages.iter().filter_map(Stage::saved);
        saved.any(|saved| saved.stage == name)
    }

    /// Returns whether the container of this stage is needed by an output, or by a stage from `index` on.
    #[must_use]
    pub fn is_needed(&self, name: StageName, index: usize) -> bool {
        let mut later = self.stages.iter().skip(index);
        self.outputs.iter().any(|output| output.stage == name)
            || later.any(|stage| stage.copied_stages().any(|copied| copied == name))
    }
}
