//! A stage: one container, and the steps that are done in it.

use std::{borrow::Cow, fmt};

use s2i_core::{ContainerPath, EnvVar, Script, UidRanges, wire::ReadItem};
use serde::{Deserialize, Serialize};

use super::ImageRole;
use crate::plan::Command;
use crate::request::{ContainerOptions, Limits, Network};

/// One container of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The name that other stages and outputs refer to.
    pub name: StageName,
    /// The image that the container starts from.
    pub from: ImageRole,
    /// The user of all steps without another one.
    pub user: User,
    /// The network that its programs can reach.
    pub network: Network,
    /// The resources that it may use.
    pub limits: Limits,
    /// Its other options.
    #[serde(default, skip_serializing_if = "ContainerOptions::is_empty")]
    pub options: ContainerOptions,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// The consequence of a failure in this stage.
    #[serde(default)]
    pub on_failure: OnStageFailure,
}

/// The name of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// `save-artifacts` in a container of the previous image.
    Previous,
    /// `assemble` in a container of the builder.
    Build,
    /// `assemble-runtime` in a container of the runtime image.
    Runtime,
}

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The consequence of a failure in a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnStageFailure {
    /// The build fails.
    #[default]
    Fail,
    /// A warning. The stage that copies its output starts again, without that copy.
    Skip,
}

/// The user of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The user, `user` or `user:group`, each a name of the image or a number; empty for root.
    pub name: String,
    /// The origin of this name.
    pub origin: UserOrigin,
    /// The numbers that the user may have; when empty, any.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    #[serde(default, skip_serializing_if = "UidRanges::is_empty")]
    pub allowed: UidRanges,
}

/// The origin of the user of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UserOrigin {
    /// `USER` of the image.
    Image,
    /// This label of the image.
    Label(Cow<'static, str>),
    /// This option of the command.
    Option(Cow<'static, str>),
    /// `USER` in a trigger of the image.
    Trigger,
}

/// One thing that is done in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Files go into the container.
    Copy(Copy),
    /// Files of the host go into the container, and out of it again before anything is committed.
    Inject(Inject),
    /// A program runs.
    Run(Run),
    /// A program runs that writes an archive to its standard output, which becomes the artifacts of the artifact cache
    /// when the build has succeeded.
    Save(Run),
}

/// Files that go into a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Copy {
    /// The files.
    pub from: CopySource,
    /// The directory that they go into; it is made where it does not exist.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub into: ContainerPath,
    /// Their owner, in the notation of image configs; the user of the stage by default, and root if it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

impl Copy {
    /// Creates a copy for the user of the stage.
    #[must_use]
    pub fn new(from: CopySource, into: ContainerPath) -> Self {
        let owner = None;
        Self { from, into, owner }
    }
}

/// Files of the host that exist in a container until it is committed, owned by the user of its stage. The commit fails
/// if a file that changed has the content of one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Inject {
    /// The path on the host, as it was given.
    pub source: String,
    /// The digest of names, modes and contents, `sha256:` and 64 hexadecimal digits. The content is not in the plan.
    pub digest: String,
    /// The directory that the files go into; it is made where its parent exists.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub into: ContainerPath,
    /// The name that a single file gets there; absent for the content of a directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The paths of the files and links in that directory, in order.
    pub files: Vec<String>,
}

/// The origin of copied files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CopySource {
    /// The source of the build.
    Source,
    /// Parts of the source.
    Paths(Vec<SourcePath>),
    /// These scripts of the directory `.s2i/bin` of the source, or of `.sti/bin`.
    Scripts(#[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))] Vec<Script>),
    /// Scripts of a URL.
    Fetched(FetchedScripts),
    /// The certificates of the inputs, as the file `ca.pem`.
    Trust,
    /// The archive that the script of another stage writes to its standard output.
    Stdout(SavedArtifacts),
    /// Files of the container of an earlier stage.
    Stage(StagePaths),
    /// The artifacts of the artifact cache.
    Cache,
}

/// A file or directory of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SourcePath {
    /// The path in the source; `.` for all of it.
    pub path: String,
    /// The path that it is copied to, relative to the directory; `.` for the content of a directory.
    pub name: String,
}

/// Scripts of a URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FetchedScripts {
    /// The URL among the inputs.
    pub url: String,
    /// The scripts.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub scripts: Vec<Script>,
}

/// The artifacts that the previous build has saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SavedArtifacts {
    /// The stage that writes them.
    pub stage: StageName,
    /// The directory of the image of that stage that has the same files. An engine that can mount it does not run the
    /// stage.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount: Option<ContainerPath>,
}

/// Files of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StagePaths {
    /// The stage that the container belongs to.
    pub name: StageName,
    /// The files and directories, each with its path below the directory that it goes into.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<StagePath>"))]
    pub paths: Vec<ReadItem>,
    /// True if they keep their permissions; otherwise a file has the mode 0644, or 0755 if it can be executed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_modes: bool,
}

/// The form of a [`ReadItem`] in the schema.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct StagePath {
    /// The absolute path in the container.
    path: String,
    /// The path that it is copied to, relative to the directory.
    name: String,
}

/// A program that runs in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The script that the program is, or `ONBUILD` and the trigger.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub script: Command,
    /// Path and arguments.
    pub argv: Vec<String>,
    /// Variables beside those of the image; with the same name, these win.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Variable>"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
    /// The secrets that it gets as variables, by name. They win over all other variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// The working directory.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub cwd: ContainerPath,
    /// The user, in place of that of the stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// True if a program that does not exist counts as one that succeeded.
    #[serde(default)]
    pub optional: bool,
}

/// The form of an [`EnvVar`] in the schema.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Variable {
    /// The name.
    name: String,
    /// The value.
    value: String,
}

impl Stage {
    /// Returns the user of a program in it.
    #[must_use]
    pub fn user_of<'s>(&'s self, run: &'s Run) -> &'s User {
        run.user.as_ref().unwrap_or(&self.user)
    }

    /// Returns the copy of the source that may be there before all programs, for the user of the stage.
    #[must_use]
    pub fn first_source(&self) -> Option<&Copy> {
        let is_before = |step: &&Step| !matches!(step, Step::Run(_));
        let mut steps = self.steps.iter().take_while(is_before);
        steps.find_map(|step| match step {
            Step::Copy(copy) if copy.from == CopySource::Source && copy.owner.is_none() => {
                Some(copy)
            }
            _ => None,
        })
    }

    /// Returns the programs that run in it, in order.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.steps.iter().filter_map(|step| match step {
            Step::Run(run) => Some(run),
            Step::Copy(_) | Step::Inject(_) | Step::Save(_) => None,
        })
    }

    /// Returns the copies into it, in order.
    pub fn copies(&self) -> impl Iterator<Item = &Copy> {
        self.steps.iter().filter_map(|step| match step {
            Step::Copy(copy) => Some(copy),
            Step::Run(_) | Step::Inject(_) | Step::Save(_) => None,
        })
    }

    /// Returns the injections of files, in order.
    pub fn injections(&self) -> impl Iterator<Item = &Inject> {
        self.steps.iter().filter_map(|step| match step {
            Step::Inject(inject) => Some(inject),
            Step::Run(_) | Step::Copy(_) | Step::Save(_) => None,
        })
    }

    /// Returns the artifacts of the previous build that go into it.
    #[must_use]
    pub fn saved(&self) -> Option<&SavedArtifacts> {
        self.copies().find_map(|copy| match &copy.from {
            CopySource::Stdout(saved) => Some(saved),
            _ => None,
        })
    }

    /// Returns the stages that it copies files from.
    pub fn copied_stages(&self) -> impl Iterator<Item = StageName> {
        self.copies().filter_map(|copy| match &copy.from {
            CopySource::Stage(paths) => Some(paths.name),
            _ => None,
        })
    }
}
