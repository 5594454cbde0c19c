//! The facts that a plan depends on, as plain data.

use std::collections::{BTreeMap, BTreeSet};

use s2i_core::{
    EnvVar, ImageRef, Script, ScriptsUrl,
    detect::RootEntry,
    image::{ContainerConfig, Platform},
    label,
};
use serde::{Deserialize, Serialize};

use crate::{
    plan::{SourceFilter, Submodules},
    scripts::ScriptSet,
};

/// The user of a builder that was not looked up.
pub const ASSUMED_USER: &str = "1001";

/// The working directory of builders that were not looked up, as the Go `s2i` has it: that of the images of sclorg. Only
/// relative destinations of injected files depend on it.
pub const ASSUMED_WORKING_DIR: &str = "/opt/app-root/src";

/// The facts that a plan depends on beside the request.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The builder image.
    pub builder: ImageFacts,
    /// The runtime image, in a runtime-image build.
    pub runtime: Option<ImageFacts>,
    /// The image of the previous build, where it was requested and exists.
    pub previous: Option<ImageFacts>,
    /// True if the artifact cache of the request has artifacts.
    pub has_cached_artifacts: bool,
    /// The image that currently has the name of the result, if there is one.
    pub tagged: Option<ImageFacts>,
    /// The images that currently have the other names of the result, each by that name.
    pub other_tagged: Vec<ImageFacts>,
    /// The source.
    pub source: SourceFacts,
    /// The scripts of URLs, each URL once.
    pub scripts: Vec<ScriptSet>,
    /// The files of the source for the triggers of the builder, by path or pattern.
    pub trigger_files: BTreeMap<String, Vec<SourceMatch>>,
}

/// A file or directory of the source that a pattern matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceMatch {
    /// The path in the source; `.` for its root.
    pub path: String,
    /// True for a directory.
    pub is_dir: bool,
    /// True for a file that can be executed.
    pub is_executable: bool,
}

impl Facts {
    /// Returns the images that the result is built from.
    pub fn inputs(&self) -> impl Iterator<Item = &ImageFacts> {
        std::iter::once(&self.builder).chain(&self.runtime)
    }
}

/// The facts that the choice of a builder depends on, where the request leaves it open.
#[derive(Clone, Debug, Default)]
pub struct ChoiceFacts {
    /// The entries of the source's root directory that are not left out, by name.
    pub root: Vec<RootEntry>,
    /// The image that [`Builder::Either`](crate::request::Builder::Either) names, if the engine has it.
    pub either: Option<ImageFacts>,
}

/// An image as the engine has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// The name in the request.
    pub name: ImageRef,
    /// The ID in the engine: a digest, valid for this engine alone.
    pub id: String,
    /// The digest by which the registry of the name has the image, `sha256:` and 64 hexadecimal digits, if the engine
    /// knows it.
    pub digest: Option<String>,
    /// Its platform.
    pub platform: Platform,
    /// The settings of its containers, [normalised](ContainerConfig::normalised).
    pub config: ContainerConfig,
}

impl ImageFacts {
    /// Returns a builder that was not looked up, for plans that are rendered and not executed. It has its scripts at
    /// this URL and the user 1001, as the Go `s2i` assumes of every builder in a Dockerfile.
    #[must_use]
    pub fn assumed(name: &ImageRef, scripts: &ScriptsUrl) -> Self {
        let scripts = (label::SCRIPTS_URL.into(), scripts.to_string());
        Self {
            name: name.clone(),
            id: String::new(),
            digest: None,
            platform: Platform::of_this_machine(),
            config: ContainerConfig {
                user: ASSUMED_USER.into(),
                labels: [scripts].into(),
                ..ContainerConfig::default()
            },
        }
    }

    /// Returns whether an engine has looked it up.
    #[must_use]
    pub fn is_resolved(&self) -> bool {
        !self.id.is_empty()
    }
}

/// Returns the variables of an image. Entries that are not variables are left out.
#[must_use]
pub fn variables_of(config: &ContainerConfig) -> Vec<EnvVar> {
    let entries = config.env.iter().filter_map(|entry| entry.split_once('='));
    entries
        .filter_map(|(name, value)| EnvVar::new(name, value).ok())
        .collect()
}

/// The facts about a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFacts {
    /// The location without credentials, for labels.
    pub location: String,
    /// The URL of the repository without credentials: of a repository of this machine, that of its `origin`.
    pub repository: Option<String>,
    /// The directory in it that is built.
    pub context_dir: Option<String>,
    /// The commit, if the source was fetched with Git.
    pub commit: Option<CommitFacts>,
    /// The treatment of the submodules of the commit.
    pub submodules: Submodules,
    /// The scripts in its `.s2i/bin`.
    pub scripts: BTreeSet<Script>,
    /// The variables of its `.s2i/environment`.
    pub environment: Vec<EnvVar>,
    /// The rules that leave files out.
    pub filter: SourceFilter,
    /// The newest modification time of its files, in seconds since 1970. It is absent for a commit, whose own time counts.
    pub newest: Option<u64>,
    /// A digest of the files that go into a build. It is absent where the build cache is not used or the digest is not
    /// known.
    pub fingerprint: Option<String>,
}

/// A commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitFacts {
    /// Full id.
    pub id: String,
    /// The requested branch or tag; else the branch that the `HEAD` of the remote or of the checkout is on, or `HEAD`.
    pub reference: String,
    /// `Name <e-mail>` of the author.
    pub author: String,
    /// Author date in Git's default format.
    pub date: String,
    /// The tag of the commit, if it has one: the requested one, else the newest.
    pub tag: Option<String>,
    /// First line of the message, cut to 80 characters.
    pub subject: String,
    /// Commit time in seconds since 1970. It is absent where only the variables of a CI platform describe the commit, and
    /// they lack it; the files then have times of their own.
    pub time: Option<u64>,
}
