//! The inputs of a build: images, source, secrets by name, certificates by digest.

use std::{collections::BTreeMap, fmt};

use s2i_core::{
    ImageRef, Script,
    image::{ContainerConfig, Platform},
};
use serde::{Deserialize, Serialize};

use crate::facts::{ImageFacts, SourceFacts};

/// Everything that a build starts from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// The images that stages start from.
    pub images: ImageInputs,
    /// The source.
    pub source: SourceInput,
    /// The scripts of URLs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts: Vec<ScriptsInput>,
    /// The secrets that scripts get.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretInput>,
    /// The certificates that scripts trust beside those of their image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<TrustInput>,
}

/// The images of a build by their roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ImageInputs {
    /// The image with the toolchain and the scripts.
    pub builder: ImageInput,
    /// The slim image that receives the artifacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<ImageInput>,
    /// The image of the previous build, whose artifacts are used again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<ImageInput>,
}

/// The role of an image in a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ImageRole {
    /// [`ImageInputs::builder`].
    Builder,
    /// [`ImageInputs::runtime`].
    Runtime,
    /// [`ImageInputs::previous`].
    Previous,
}

impl fmt::Display for ImageRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl ImageInputs {
    /// Returns the image in this role.
    #[must_use]
    pub fn get(&self, role: ImageRole) -> Option<&ImageInput> {
        match role {
            ImageRole::Builder => Some(&self.builder),
            ImageRole::Runtime => self.runtime.as_ref(),
            ImageRole::Previous => self.previous.as_ref(),
        }
    }
}

/// An image, resolved once and used by its ID from then on.
///
/// ID, digest, platform and config are absent in a plan that was made without an engine. Such a plan can be rendered, and not
/// executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ImageInput {
    /// The requested name.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub reference: ImageRef,
    /// The ID of the image in the engine that resolved it: a digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The digest by which the registry of the name has the image. It is absent for an image that was built or loaded
    /// on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The platform that the image is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The settings of its containers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ContainerConfig>,
}

impl From<&ImageFacts> for ImageInput {
    fn from(facts: &ImageFacts) -> Self {
        let is_resolved = facts.is_resolved();
        Self {
            reference: facts.name.clone(),
            id: is_resolved.then(|| facts.id.clone()),
            digest: facts.digest.clone(),
            platform: is_resolved.then(|| facts.platform.clone()),
            config: is_resolved.then(|| facts.config.clone()),
        }
    }
}

impl ImageInput {
    /// Returns the image as an engine has it; `None` when it was not looked up.
    #[must_use]
    pub fn resolved(&self) -> Option<ImageFacts> {
        Some(ImageFacts {
            name: self.reference.clone(),
            id: self.id.clone()?,
            digest: self.digest.clone(),
            platform: self.platform.clone()?,
            config: self.config.clone()?,
        })
    }
}

/// The source, with everything that decides which of its files go into the build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SourceInput {
    /// The repository or directory.
    pub origin: SourceOrigin,
    /// The directory of it that is built, relative to its root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_dir: Option<String>,
    /// The rules that leave files out.
    pub filter: SourceFilter,
    /// A digest of the files that go into the build. It is absent where they may have changed while they were read, or
    /// where the request does not allow that an earlier result is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// The place that a source comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SourceOrigin {
    /// A Git repository.
    Git {
        /// The address, without credentials.
        url: String,
        /// The requested branch or tag, else the default branch.
        #[serde(rename = "ref")]
        reference: String,
        /// The full ID of the commit.
        commit: String,
        /// The treatment of its submodules.
        submodules: Submodules,
        /// The treatment of files that Git LFS keeps outside of the repository.
        lfs: Lfs,
    },
    /// A directory, as it is.
    Directory {
        /// The path, as it was given.
        path: String,
    },
}

/// The treatment of the submodules of a Git repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Submodules {
    /// The commits that the tree records are checked out, nested ones too.
    #[default]
    Fetch,
    /// Their directories stay empty.
    Ignore,
}

/// The treatment of files that Git LFS keeps outside of the repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Lfs {
    /// The content is in the place of each pointer.
    #[default]
    Content,
}

/// The rules that leave files of a source out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SourceFilter {
    /// The regular expression for paths that are left out; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub exclude: String,
    /// The lines of the file `.s2iignore` of the source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// Directories in the source that belong to s2i, relative to its root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded_dirs: Vec<String>,
}

impl From<&SourceFacts> for SourceInput {
    fn from(facts: &SourceFacts) -> Self {
        let location = facts.location.clone();
        let origin = match &facts.commit {
            Some(commit) => SourceOrigin::Git {
                url: location,
                reference: commit.reference.clone(),
                commit: commit.id.clone(),
                submodules: facts.submodules,
                lfs: Lfs::Content,
            },
            None => SourceOrigin::Directory { path: location },
        };
        Self {
            origin,
            context_dir: facts.context_dir.clone(),
            filter: facts.filter.clone(),
            fingerprint: facts.fingerprint.clone(),
        }
    }
}

/// Scripts of a URL. Their texts are not in the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScriptsInput {
    /// The URL, without credentials.
    pub url: String,
    /// The digest of each script, `sha256:` and 64 hexadecimal digits.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, String>"))]
    pub files: BTreeMap<Script, String>,
}

/// A secret. Its value is not in the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SecretInput {
    /// The name of the variable that has its value.
    pub id: String,
}

/// Certificates of authorities, in PEM. Their text is not in the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TrustInput {
    /// The digest of the text, `sha256:` and 64 hexadecimal digits.
    pub digest: String,
}
