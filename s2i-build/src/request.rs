//! The request for a build.

use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr};

use s2i_core::{
    ContainerPath, EnvVar, ImageRef, ImageRefError, ScriptsUrl, Secret, UidRanges, mapping::Mapping,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use crate::{
    artifact_cache::ArtifactCache,
    container_options::{ContainerOptions, HostMount, HostName},
    detect::Builders,
    injection::Injection,
    limits::Limits,
    plan::Submodules,
    source::location::{LocationError, SourceLocation},
};

/// The treatment of a builder with `ONBUILD` triggers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBuild {
    /// They run before `assemble`.
    #[default]
    Run,
    /// The builder is refused.
    Refuse,
}

/// The treatment of the script `assemble-runtime`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AssembleRuntime {
    /// It runs in a container of the runtime image.
    #[default]
    Run,
    /// It does not run, because the engine only adds the artifacts to the runtime image. An image that needs its script
    /// is refused.
    Omit,
    /// It runs, unless the image declares that its results are complete without it. Then nothing runs in the runtime
    /// image, and an engine that only adds the artifacts has the same result.
    RunIfNeeded,
}

/// The request for one build: typed values, before any look-up.
///
/// [`new`](Self::new) takes the required parts. The methods that start with `with_` set the usual ones of the others,
/// which are public fields. Only a struct expression or a pattern that names all fields has to change with a new option.
///
/// ```
/// use s2i_build::request::BuildRequest;
///
/// let mut request = BuildRequest::new("./app".parse()?, "s2i/go".parse()?)
///     .with_tag("my-app".parse()?)
///     .with_runtime("s2i/go-runtime".parse()?);
/// request.no_cache = true;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// The source.
    pub source: SourceRequest,
    /// The image with the toolchain.
    pub builder: Builder,
    /// The images to choose from if no builder is named.
    pub builders: Builders,
    /// The pull policy of the builder.
    pub builder_pull: PullPolicy,
    /// The name of the result; without one it only has its ID.
    pub tag: Option<ImageRef>,
    /// Names that the result gets beside the first one.
    pub other_tags: Vec<ImageRef>,
    /// The slim image that receives the artifacts.
    pub runtime: Option<RuntimeRequest>,
    /// The image of the previous build, whose saved artifacts this one starts with.
    pub previous: Option<PreviousRequest>,
    /// The directory that keeps the artifacts for the next build, in place of a previous image. It is used and written
    /// whatever the engine is.
    pub artifact_cache: Option<ArtifactCache>,
    /// The treatment of `assemble-runtime` of a runtime image.
    pub assemble_runtime: AssembleRuntime,
    /// Variables for the scripts and the result; later ones override earlier ones and those of the source.
    pub env: Vec<EnvVar>,
    /// Variables for `assemble` alone, which all others override.
    pub assemble_env: Vec<EnvVar>,
    /// Variables for `assemble` alone, whose values are in no image and no log; later ones override earlier ones and
    /// all other variables.
    pub secrets: Vec<Secret>,
    /// Certificates in PEM that the scripts trust beside those of the image, for networks that intercept TLS. They do
    /// not get into the result.
    pub trust: Option<String>,
    /// Files that exist while `assemble` runs and are in no image.
    pub injections: Vec<Injection>,
    /// The options of the containers. Mounts are for `assemble` and `save-artifacts`.
    pub container: ContainerOptions,
    /// Labels of the result; they override all others.
    pub labels: BTreeMap<String, String>,
    /// The network of the scripts.
    pub network: Network,
    /// The resource limits of each container of the build.
    pub limits: Limits,
    /// The directory whose scripts come before those of the source and of the images.
    pub scripts_url: Option<ScriptsUrl>,
    /// True if labels of the result name the requested scripts and destination, as those of a Dockerfile do.
    pub names_places: bool,
    /// Replaces the destination of the builder.
    pub destination: Option<ContainerPath>,
    /// Replaces the user of `assemble`, in the notation of image configs.
    pub assemble_user: Option<String>,
    /// Replaces the user of `assemble-runtime`.
    pub assemble_runtime_user: Option<String>,
    /// The uids that the users of scripts may have, whatever the origin of the user.
    pub allowed_uids: UidRanges,
    /// The treatment of a builder with `ONBUILD` triggers.
    pub on_build: OnBuild,
    /// The name of the application, for the display-name label.
    pub application_name: Option<String>,
    /// The description of the application, for the description label.
    pub description: Option<String>,
    /// True if the source stays in the image, for builders that run from it.
    pub keep_source: bool,
    /// True if the build cache is not used.
    pub no_cache: bool,
    /// The latest modification time of files in the image, in seconds since 1970; else they have those of the source.
    pub epoch: Option<u64>,
}

impl BuildRequest {
    /// Creates a request from its two required parts.
    #[must_use]
    pub fn new(location: SourceLocation, builder: ImageRef) -> Self {
        Self {
            source: SourceRequest::new(location),
            builder: Builder::Named(builder),
            builders: Builders::default(),
            builder_pull: PullPolicy::IfNotPresent,
            tag: None,
            other_tags: Vec::new(),
            runtime: None,
            previous: None,
            artifact_cache: None,
            assemble_runtime: AssembleRuntime::Run,
            env: Vec::new(),
            assemble_env: Vec::new(),
            secrets: Vec::new(),
            trust: None,
            injections: Vec::new(),
            container: ContainerOptions::default(),
            labels: BTreeMap::new(),
            network: Network::Default,
            limits: Limits::default(),
            scripts_url: None,
            names_places: false,
            destination: None,
            assemble_user: None,
            assemble_runtime_user: None,
            allowed_uids: UidRanges::default(),
            on_build: OnBuild::Run,
            application_name: None,
            description: None,
            keep_source: false,
            no_cache: false,
            epoch: None,
        }
    }

    /// Sets the name of the result.
    #[must_use]
    pub fn with_tag(mut self, tag: ImageRef) -> Self {
        self.tag = Some(tag);
        self
    }

    /// Sets the runtime image, which receives the artifacts that its label names, and is pulled if the engine does not
    /// have it.
    #[must_use]
    pub fn with_runtime(mut self, image: ImageRef) -> Self {
        self.runtime = Some(RuntimeRequest {
            image,
            pull: PullPolicy::IfNotPresent,
            artifacts: Vec::new(),
        });
        self
    }

    /// Adds a variable for the scripts and the result.
    #[must_use]
    pub fn with_env(mut self, variable: EnvVar) -> Self {
        self.env.push(variable);
        self
    }

    /// Adds a variable for `assemble` alone, whose value is in no image and no log.
    #[must_use]
    pub fn with_secret(mut self, secret: Secret) -> Self {
        self.secrets.push(secret);
        self
    }
}

/// The selection of the builder image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Builder {
    /// This image.
    Named(ImageRef),
    /// The builder for the detected kind of source.
    Detected,
    /// This image if it is a builder that the engine has. Otherwise this is the name of the result, and the builder is
    /// the one for the detected kind of source.
    Either(ImageRef),
}

/// The source of a build: its location and the part of it that is built.
#[derive(Clone, Debug)]
pub struct SourceRequest {
    /// A directory or something that Git can fetch.
    pub location: SourceLocation,
    /// The branch, tag or commit; else that of the location, else the remote's `HEAD`.
    pub git_ref: Option<String>,
    /// The directory in it that is built.
    pub context_dir: Option<String>,
    /// True if a directory is copied with its uncommitted changes, even when it is a Git repository.
    pub copy: bool,
    /// The treatment of submodules. It has no effect on directories, which are taken as they are.
    pub submodules: Submodules,
    /// The regular expression for paths that are left out.
    pub exclude: String,
    /// Directories that are not part of any source, wherever they are: the image stores.
    pub excluded_dirs: Vec<PathBuf>,
}

impl SourceRequest {
    /// Creates a request for all files at this location except Git's own directories.
    #[must_use]
    pub fn new(location: SourceLocation) -> Self {
        Self {
            location,
            git_ref: None,
            context_dir: None,
            copy: false,
            submodules: Submodules::Fetch,
            exclude: s2i_core::ignore::DEFAULT_EXCLUDE.into(),
            excluded_dirs: Vec::new(),
        }
    }
}

/// The runtime image of a runtime-image build.
#[derive(Clone, Debug)]
pub struct RuntimeRequest {
    /// The image.
    pub image: ImageRef,
    /// The pull policy.
    pub pull: PullPolicy,
    /// The artifacts to copy; when empty, those that its label names.
    pub artifacts: Vec<Mapping>,
}

/// The image of the previous build. When it does not exist, or saves no artifacts, the build is a clean one.
#[derive(Clone, Debug)]
pub struct PreviousRequest {
    /// The image. In a runtime-image build, whose result has no artifacts for the next build, this is the name of the
    /// second image, which is committed from the builder's container.
    pub image: ImageRef,
    /// The pull policy.
    pub pull: PullPolicy,
    /// The image to take the artifacts from, in place of `image`.
    pub from: Option<ImageRef>,
    /// True if the images that lose their names to those of this build are removed.
    pub remove: bool,
}

/// The suffix of the tag of the image that is committed from the builder's container in a runtime-image build.
const BUILD_IMAGE: &str = "-build";

impl PreviousRequest {
    /// Returns the request for builds of this name: the previous result, or the second image of a runtime-image build.
    ///
    /// # Errors
    /// [`ImageRefError::Tag`] when its tag would be too long.
    pub fn of(tag: &ImageRef, is_split: bool, pull: PullPolicy) -> Result<Self, ImageRefError> {
        let image = if is_split {
            format!("{}:{}{BUILD_IMAGE}", tag.name(), tag.tag_or_latest()).parse()?
        } else {
            tag.clone()
        };
        Ok(Self {
            image,
            pull,
            from: None,
            remove: false,
        })
    }
}

/// The request to run the script `usage` of an image.
#[derive(Clone, Debug)]
pub struct UsageRequest {
    /// The image.
    pub image: ImageRef,
    /// The pull policy.
    pub pull: PullPolicy,
    /// Variables for the script; they override those of the image.
    pub env: Vec<EnvVar>,
    /// The uids that the user of the script may have.
    pub allowed_uids: UidRanges,
    /// True if the script is to print JSON, if it can.
    pub json: bool,
}

/// The policy that determines when an image is pulled.
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
    /// All policies with their names in options.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("always", Self::Always),
        ("if-not-present", Self::IfNotPresent),
        ("never", Self::Never),
    ];
}

/// A text that does not name a [`PullPolicy`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a pull policy; use always, if-not-present or never")]
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

/// The network that the scripts of a build can reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// The default network of the engine.
    #[default]
    Default,
    /// No network.
    None,
    /// The network of the host.
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
