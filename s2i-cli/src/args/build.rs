//! The command line of `s2i build`.

use std::{convert::Infallible, path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum};
use s2i_build::request::{Network, PullPolicy, SourceLocation};
use s2i_core::{ContainerPath, EnvVar, ImageRef, mapping::MappingList};

use super::{
    container::ContainerArgs, credentials::CredentialArgs, dockerfile::DockerfileArgs,
    legacy::LegacyOptions, limits::LimitArgs, on_build::OnBuildArgs, previous::PreviousArgs,
    result::ResultArgs, scripts::ScriptArgs, source::SourceArgs, uids::AllowedUids,
    use_config::UseConfig,
};

#[cfg(feature = "kube")]
use super::cluster::ClusterArgs;

const AFTER_HELP: &str = "\
One name after SOURCE is the BUILDER if the engine has a builder image of that name that s2i has not \
made itself, or if the engine has no image of that name and the name has a `/`. Otherwise it is the TAG, \
and a builder is picked; a line of the output shows the choice.

By the files at the top of the source, the first of these builders is picked:
  s2i/go      for a go.work, a go.mod, files of Go, or a Gopkg.toml, glide.yaml or Godeps
  s2i/node    for a package.json, a server.js, or, without an index.html, an app.js, main.js or index.js
  s2i/binary  for a program for Linux, an archive (.tar, .tar.gz, .gz, .zip), or an index.html
Others can be set in the configuration file: [builders] go = \"IMAGE\".";

/// Build an image from source.
#[derive(Debug, Args)]
#[command(
    override_usage = "s2i build [OPTIONS] <SOURCE> [BUILDER] [TAG]",
    after_help = AFTER_HELP
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Build {
    /// Source directory, or URL of a Git repository; `#REF` selects a branch, tag or commit
    pub(crate) source: SourceLocation,
    /// Builder image; by default, s2i picks one from the files of the source
    pub(crate) builder: Option<ImageRef>,
    /// Name of the resulting image; by default, it has only an ID
    pub(crate) tag: Option<ImageRef>,

    /// Copy the working tree instead of using Git HEAD
    #[arg(short, long)]
    pub(crate) copy: bool,
    /// Build this subdirectory of the source
    #[arg(long, value_name = "DIR")]
    pub(crate) context_dir: Option<String>,
    /// Check out this branch, tag or commit
    #[arg(
        short = 'r',
        long = "ref",
        value_name = "REF",
        allow_hyphen_values = true
    )]
    pub(crate) git_ref: Option<String>,
    /// Exclude files that match this regular expression; "" excludes nothing
    #[arg(long, value_name = "REGEX", default_value = s2i_core::ignore::DEFAULT_EXCLUDE)]
    pub(crate) exclude: String,
    #[command(flatten)]
    pub(crate) submodules: SourceArgs,

    /// Set an environment variable for the scripts and in the resulting image
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<EnvVar>,
    /// Read environment variables from a file, one NAME=VALUE per line
    #[arg(short = 'E', long, value_name = "FILE")]
    pub(crate) environment_file: Option<PathBuf>,
    /// Pass a secret to `assemble` and ONBUILD triggers only, and keep it out of images and logs:
    /// `id=NAME[,env=VARIABLE][,src=FILE]`; by default, the value is that of the environment variable NAME
    #[arg(long, value_name = "id=NAME")]
    pub(crate) secret: Vec<String>,

    /// When to pull the builder image: always, if-not-present or never
    #[arg(short, long, value_name = "WHEN", default_value = "if-not-present")]
    pub(crate) pull_policy: PullPolicy,
    /// Connect the scripts to a network: none, host, or the name of a network of the engine
    #[arg(long, value_name = "NETWORK", value_parser = |text: &str| Ok::<_, Infallible>(Network::from(text)))]
    pub(crate) network: Option<Network>,
    #[command(flatten)]
    pub(crate) container: ContainerArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// Trust the CA certificates of a PEM file during `assemble`, in addition to the builder's own; the
    /// resulting image does not contain them
    #[arg(long, env = "S2I_TRUST_CA", value_name = "FILE")]
    pub(crate) trust_ca: Option<PathBuf>,
    /// Run `assemble` as this user instead of the builder image's user
    #[arg(long, value_name = "USER")]
    pub(crate) assemble_user: Option<String>,
    #[command(flatten)]
    pub(crate) allowed: AllowedUids,
    #[command(flatten)]
    pub(crate) triggers: OnBuildArgs,
    #[command(flatten)]
    pub(crate) scripts: ScriptArgs,
    /// Upload the source, scripts and artifacts below this directory instead of the builder image's default
    #[arg(short, long, value_name = "PATH")]
    pub(crate) destination: Option<ContainerPath>,
    /// Keep the source in the resulting image
    #[arg(long)]
    pub(crate) keep_source: bool,

    /// Copy the artifacts into this runtime image, which becomes the base of the result
    #[arg(long, value_name = "IMAGE")]
    pub(crate) runtime_image: Option<ImageRef>,
    /// Artifacts to copy into the runtime image, `SOURCE[:DIRECTORY]`, separated by `;`; by default, those that
    /// its label names
    #[arg(short = 'a', long, value_name = "PATHS")]
    pub(crate) runtime_artifact: Vec<MappingList>,
    /// When to pull the runtime image: always, if-not-present or never
    #[arg(long, value_name = "WHEN", default_value = "if-not-present")]
    pub(crate) runtime_pull_policy: PullPolicy,
    /// Run `assemble-runtime` as this user instead of the runtime image's user
    #[arg(long, value_name = "USER")]
    pub(crate) assemble_runtime_user: Option<String>,

    #[command(flatten)]
    pub(crate) config: UseConfig,
    /// Do not use the build cache
    #[arg(long)]
    pub(crate) no_cache: bool,
    #[command(flatten)]
    pub(crate) previous: PreviousArgs,

    /// Load the image into Docker or Podman after the build with the embedded engine: docker, podman or a URL;
    /// without a value, into the first one that responds
    #[arg(long, value_name = "WHERE", num_args = 0..=1, require_equals = true, default_missing_value = "any")]
    pub(crate) load: Option<LoadInto>,

    /// Print the plan of the build and exit, as text or, with `=json`, as JSON in the format of
    /// `docs/plan.schema.json`
    #[arg(long, value_name = "FORM", value_enum, num_args = 0..=1, require_equals = true,
        default_missing_value = "text", conflicts_with = "load")]
    pub(crate) dry_run: Option<PlanForm>,
    #[command(flatten)]
    pub(crate) dockerfile: DockerfileArgs,

    #[command(flatten)]
    pub(crate) result: ResultArgs,

    /// Set the display name of the application
    #[arg(short = 'n', long, value_name = "NAME")]
    pub(crate) application_name: Option<String>,
    /// Set the description of the application
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Do not show what scripts write to standard output
    #[arg(short, long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
    #[command(flatten)]
    pub(crate) legacy: LegacyOptions,
    // It begins a heading, so it is the last one.
    #[cfg(feature = "kube")]
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

impl Build {
    /// Returns the name of the result: the one after the builder, or else the first of `--tag`.
    pub(crate) fn name(&self) -> Option<ImageRef> {
        self.names().into_iter().next()
    }

    /// Returns all names of the result.
    pub(crate) fn names(&self) -> Vec<ImageRef> {
        self.result.names(self.tag.as_ref())
    }
}

/// The form in which a plan is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanForm {
    /// Text for people.
    Text,
    /// The JSON document.
    Json,
}

/// The engine into which the result of the embedded engine is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LoadInto {
    /// The first engine that responds.
    Any,
    Docker,
    Podman,
    /// The engine at this URL.
    Url(String),
}

impl FromStr for LoadInto {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "any" => Self::Any,
            "docker" => Self::Docker,
            "podman" => Self::Podman,
            url => Self::Url(url.into()),
        })
    }
}
