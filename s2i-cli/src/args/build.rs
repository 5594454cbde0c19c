//! What can be typed after `s2i build`.

use std::{convert::Infallible, path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum};
use s2i_build::request::{Network, PullPolicy, SourceLocation};
use s2i_core::{ContainerPath, EnvVar, ImageRef, mapping::MappingList};

use super::{limits::Limited, uids::AllowedUids};

const AFTER_HELP: &str = "\
One name after SOURCE is the BUILDER if the engine has a builder image of that name that s2i has not \
made itself. Else it is the TAG, and a builder is picked; a line says which it was.

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
    /// A directory, or the URL of a Git repository; `#branch` picks a branch, tag or commit
    pub(crate) source: SourceLocation,
    /// The builder image; without it, s2i picks one by what the source is
    pub(crate) builder: Option<ImageRef>,
    /// The name of the result; without it, it is known by its id alone
    pub(crate) tag: Option<ImageRef>,

    /// Take a directory as it lies there, even when it is a Git repository
    #[arg(short, long)]
    pub(crate) copy: bool,
    /// The directory of the source that is the application
    #[arg(long, value_name = "DIR")]
    pub(crate) context_dir: Option<String>,
    /// The branch, tag or commit to build
    #[arg(
        short = 'r',
        long = "ref",
        value_name = "REF",
        allow_hyphen_values = true
    )]
    pub(crate) git_ref: Option<String>,
    /// Leave out what this regular expression matches; "" leaves out nothing
    #[arg(long, value_name = "REGEX", default_value = s2i_core::ignore::DEFAULT_EXCLUDE)]
    pub(crate) exclude: String,

    /// A variable for the scripts and the result
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<EnvVar>,
    /// A file with such variables, one on a line
    #[arg(short = 'E', long, value_name = "FILE")]
    pub(crate) environment_file: Option<PathBuf>,
    /// A variable for `assemble` alone, in no image and no log, `id=NAME[,env=VARIABLE][,src=FILE]`;
    /// with nothing but `id=`, the variable NAME of whoever calls
    #[arg(long, value_name = "id=NAME")]
    pub(crate) secret: Vec<String>,

    /// When to pull the builder: always, if-not-present or never
    #[arg(short, long, value_name = "WHEN", default_value = "if-not-present")]
    pub(crate) pull_policy: PullPolicy,
    /// What the scripts can reach: none, host, or a network of the engine
    #[arg(long, value_name = "NETWORK", value_parser = |text: &str| Ok::<_, Infallible>(Network::from(text)))]
    pub(crate) network: Option<Network>,
    #[command(flatten)]
    pub(crate) limited: Limited,
    /// Certificates (PEM) that `assemble` trusts beside the builder's own; not in the result
    #[arg(long, env = "S2I_TRUST_CA", value_name = "FILE")]
    pub(crate) trust_ca: Option<PathBuf>,
    /// The user of `assemble`, in place of the builder's own
    #[arg(long, value_name = "USER")]
    pub(crate) assemble_user: Option<String>,
    #[command(flatten)]
    pub(crate) allowed: AllowedUids,
    /// The directory below which source, scripts and artifacts go, in place of the builder's own
    #[arg(short, long, value_name = "PATH")]
    pub(crate) destination: Option<ContainerPath>,
    /// Leave the source in the image
    #[arg(long)]
    pub(crate) keep_source: bool,

    /// A slim image that receives the artifacts and becomes the result
    #[arg(long, value_name = "IMAGE")]
    pub(crate) runtime_image: Option<ImageRef>,
    /// What it receives, `SOURCE[:DIRECTORY]`, more with `;`; else what its label says
    #[arg(short = 'a', long, value_name = "PATHS", requires = "runtime_image")]
    pub(crate) runtime_artifact: Vec<MappingList>,
    /// When to pull the runtime image
    #[arg(long, value_name = "WHEN", default_value = "if-not-present")]
    pub(crate) runtime_pull_policy: PullPolicy,
    /// The user of `assemble-runtime`, in place of the runtime image's own
    #[arg(long, value_name = "USER")]
    pub(crate) assemble_runtime_user: Option<String>,

    /// Run the scripts although nothing has changed since the engine built the same
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Begin with the artifacts that the build before has saved
    #[arg(long)]
    pub(crate) incremental: bool,
    /// When to pull the image of the build before
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "if-not-present",
        requires = "incremental"
    )]
    pub(crate) incremental_pull_policy: PullPolicy,

    /// Then put the result of the embedded engine into Docker or Podman as well: docker, podman or a
    /// URL; without a value, the first that answers
    #[arg(long, value_name = "WHERE", num_args = 0..=1, require_equals = true, default_missing_value = "any")]
    pub(crate) load: Option<LoadInto>,

    /// Only show the plan of the build, as text or, with `=json`, as the document that
    /// `docs/plan.schema.json` describes
    #[arg(long, value_name = "FORM", value_enum, num_args = 0..=1, require_equals = true,
        default_missing_value = "text", conflicts_with = "load")]
    pub(crate) dry_run: Option<PlanForm>,
    /// Do not build: write a Dockerfile, and the source into `upload/src` beside it. No engine is needed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["load", "dry_run"])]
    pub(crate) as_dockerfile: Option<PathBuf>,

    /// What the application is called
    #[arg(short = 'n', long, value_name = "NAME")]
    pub(crate) application_name: Option<String>,
    /// What the application is
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Don't show what scripts write to standard output
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// The form in which a plan is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanForm {
    /// Lines for people.
    Text,
    /// The document.
    Json,
}

/// Where the result goes beside the embedded engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LoadInto {
    /// The first that answers.
    Any,
    Docker,
    Podman,
    /// Who listens there.
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
