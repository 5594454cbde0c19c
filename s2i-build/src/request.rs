//! What the user asked for.

use std::{fmt, path::PathBuf, str::FromStr};

use s2i_core::{
    ContainerPath, EnvVar, ImageRef, ImageRefError, Secret, UidRanges, mapping::Mapping,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use crate::{
    detect::Builders,
    limits::Limits,
    source::location::{LocationError, SourceLocation},
};

/// One build, as asked for: typed values, nothing looked up yet.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// Where the source is and which part of it counts.
    pub source: SourceRequest,
    /// The image with the toolchain.
    pub builder: Builder,
    /// The images that are picked from where no builder is named.
    pub builders: Builders,
    /// When to pull the builder.
    pub builder_pull: PullPolicy,
    /// The name of the result; without one it is known by its id alone.
    pub tag: Option<ImageRef>,
    /// The slim image that receives the artifacts.
    pub runtime: Option<RuntimeRequest>,
    /// The image of the build before, whose saved artifacts this one starts with.
    pub previous: Option<PreviousRequest>,
    /// Variables for the scripts and the result; later ones win, and they win over the source's.
    pub env: Vec<EnvVar>,
    /// Variables for `assemble` alone, whose values are in no image and no log; later ones win, and they
    /// win over all others.
    pub secrets: Vec<Secret>,
    /// Certificates in PEM that the scripts trust beside the image's own, for networks that look into
    /// TLS. They do not get into the result.
    pub trust: Option<String>,
    /// What the scripts can reach.
    pub network: Network,
    /// What each container of the build may use.
    pub limits: Limits,
    /// Replaces the builder's own destination.
    pub destination: Option<ContainerPath>,
    /// Replaces the user of `assemble`, in the notation of image configs.
    pub assemble_user: Option<String>,
    /// Replaces the user of `assemble-runtime`.
    pub assemble_runtime_user: Option<String>,
    /// The numbers that the users of scripts may have, whatever says who they are.
    pub allowed_uids: UidRanges,
    /// What the application is called, for the display-name label.
    pub application_name: Option<String>,
    /// What the application is, for the description label.
    pub description: Option<String>,
    /// Whether the source stays in the image, for builders that run from it.
    pub keep_source: bool,
    /// Whether scripts run although nothing has changed since the engine built the same.
    pub no_cache: bool,
    /// The time that everything new in the image gets, in seconds since 1970; else the source's.
    pub epoch: Option<u64>,
}

impl BuildRequest {
    /// The request with nothing but its two necessary parts.
    #[must_use]
    pub fn new(location: SourceLocation, builder: ImageRef) -> Self {
        Self {
            source: SourceRequest::new(location),
            builder: Builder::Named(builder),
            builders: Builders::default(),
            builder_pull: PullPolicy::IfNotPresent,
            tag: None,
            runtime: None,
            previous: None,
            env: Vec::new(),
            secrets: Vec::new(),
            trust: None,
            network: Network::Default,
            limits: Limits::default(),
            destination: None,
            assemble_user: None,
            assemble_runtime_user: None,
            allowed_uids: UidRanges::default(),
            application_name: None,
            description: None,
            keep_source: false,
            no_cache: false,
            epoch: None,
        }
    }
}

/// Which image the source goes into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Builder {
    /// This one.
    Named(ImageRef),
    /// The one for what the source is.
    Detected,
    /// This one if it is a builder that the engine has. Else this is the name of the result, and the
    /// builder is the one for what the source is.
    Either(ImageRef),
}

/// Where the source is and which part of it counts.
#[derive(Clone, Debug)]
pub struct SourceRequest {
    /// A directory or something that Git can fetch.
    pub location: SourceLocation,
    /// The branch, tag or commit; else what the location names, else the remote's `HEAD`.
    pub git_ref: Option<String>,
    /// The directory in it that is the application.
    pub context_dir: Option<String>,
    /// Take a directory as it lies there, even when it is a Git repository.
    pub copy: bool,
    /// The regular expression of what is left out.
    pub exclude: String,
    /// Directories that are no part of any source, wherever they lie: where images are kept.
    pub foreign: Vec<PathBuf>,
}

impl SourceRequest {
    /// Everything at this location but Git's own directories.
    #[must_use]
    pub fn new(location: SourceLocation) -> Self {
        Self {
            location,
            git_ref: None,
            context_dir: None,
            copy: false,
            exclude: s2i_core::ignore::DEFAULT_EXCLUDE.into(),
            foreign: Vec::new(),
        }
    }
}

/// The second image of a split build.
#[derive(Clone, Debug)]
pub struct RuntimeRequest {
    /// The image.
    pub image: ImageRef,
    /// When to pull it.
    pub pull: PullPolicy,
    /// What it gets; when empty, what its label says.
    pub artifacts: Vec<Mapping>,
}

/// The image of the build before. When it is not there, or saves nothing, the build is a clean one.
#[derive(Clone, Debug)]
pub struct PreviousRequest {
    /// The image. In a split build, whose result has no artifacts of the builder, this is the name that
    /// the builder's container gets as an image of its own.
    pub image: ImageRef,
    /// When to pull it.
    pub pull: PullPolicy,
}

/// What the tag of the image that the builder's container becomes in a split build ends with.
const BUILD_IMAGE: &str = "-build";

impl PreviousRequest {
    /// For builds of this name: the result of the one before, or the image beside it in a split build.
    ///
    /// # Errors
    /// [`ImageRefError::Tag`] when the tag of that would be too long.
    pub fn of(tag: &ImageRef, is_split: bool, pull: PullPolicy) -> Result<Self, ImageRefError> {
        let image = if is_split {
            format!("{}:{}{BUILD_IMAGE}", tag.name(), tag.tag_or_latest()).parse()?
        } else {
            tag.clone()
        };
        Ok(Self { image, pull })
    }
}

/// A question to an image: what it is for, and how it is used.
#[derive(Clone, Debug)]
pub struct UsageRequest {
    /// The image.
    pub image: ImageRef,
    /// When to pull it.
    pub pull: PullPolicy,
    /// Variables for the script; they win over the image's.
    pub env: Vec<EnvVar>,
    /// The numbers that the user of the script may have.
    pub allowed_uids: UidRanges,
    /// Whether programs read the answer, if the script can answer them.
    pub json: bool,
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PullPolicy {
    /// Every time.
    Always,
    /// When the engine does not have it.
    #[default]
    IfNotPresent,
    /// Never; it is an error when the engine does not have it.
    Never,
}

impl PullPolicy {
    /// Every policy with the name that flags use.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("always", Self::Always),
        ("if-not-present", Self::IfNotPresent),
        ("never", Self::Never),
    ];
}

/// A text that names no [`PullPolicy`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no pull policy; use always, if-not-present or never")]
pub struct PullPolicyError(String);

impl FromStr for PullPolicy {
    type Err = PullPolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::NAMES.into_iter().find(|(name, _)| *name == text);
        known
            .map(|(_, policy)| policy)
            .ok_or_else(|| PullPolicyError(text.into()))
    }
}

/// What the scripts of a build can reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// What containers of the engine get.
    #[default]
    Default,
    /// Nothing.
    None,
    /// The host's own network.
    Host,
    /// A network of the engine.
    Named(String),
}

impl From<&str> for Network {
    fn from(text: &str) -> Self {
        match text {
            "" | "default" => Self::Default,
            "none" => Self::None,
            "host" => Self::Host,
            name => Self::Named(name.into()),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::None => "none",
            Self::Host => "host",
            Self::Named(name) => name,
        })
    }
}
