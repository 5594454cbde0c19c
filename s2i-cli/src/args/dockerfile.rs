//! The options of Dockerfiles, and the command line of `s2i generate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use s2i_build::plan::DockerfileForm;
use s2i_core::{EnvVar, ScriptsUrl};

use super::scripts::OptionalUrl;

/// The directory of the scripts of a builder whose label is not known.
const USUAL_SCRIPTS: &str = "image:///usr/libexec/s2i";

/// The options of a Dockerfile.
#[derive(Debug, Args)]
pub(crate) struct DockerfileArgs {
    /// Write a Dockerfile, with the source in `upload/src` beside it, instead of building; needs no engine
    #[arg(long, value_name = "FILE", conflicts_with_all = ["load", "dry_run"])]
    pub(crate) as_dockerfile: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

/// The options for the text of a Dockerfile.
#[derive(Debug, Args)]
pub(crate) struct FormArgs {
    /// For a Dockerfile: the directory of the builder's scripts, if no registry has its labels
    #[arg(long, value_name = "URL", default_value = USUAL_SCRIPTS)]
    image_scripts_url: OptionalUrl,
    /// For a Dockerfile: `mount` needs BuildKit or Buildah and leaves the source in no layer; `copy` is for all
    /// builders
    #[arg(long, value_name = "FORM", value_enum, default_value = "mount")]
    dockerfile_form: Form,
}

impl FormArgs {
    pub(crate) fn form(&self) -> DockerfileForm {
        match self.dockerfile_form {
            Form::Mount => DockerfileForm::Mount,
            Form::Copy => DockerfileForm::Copy,
        }
    }

    /// Returns the URL of the scripts of a builder whose label is not known.
    pub(crate) fn image_scripts_url(&self) -> ScriptsUrl {
        let usual = || USUAL_SCRIPTS.parse().expect("a URL");
        self.image_scripts_url.0.clone().unwrap_or_else(usual)
    }
}

/// The form of a Dockerfile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Mount,
    Copy,
}

/// Write a Dockerfile for a builder image, for source that is put beside it later.
#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// Builder image, as `docker://IMAGE` or `IMAGE`
    pub(crate) builder: String,
    /// The file to write
    pub(crate) file: PathBuf,
    /// Set an environment variable for the scripts and in the resulting image
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<EnvVar>,
    /// Run `assemble` as this user instead of the builder image's user
    #[arg(long, value_name = "USER")]
    pub(crate) assemble_user: Option<String>,
    /// Run `assemble-runtime` as this user instead of the runtime image's user
    #[arg(long, value_name = "USER")]
    pub(crate) assemble_runtime_user: Option<String>,
    #[command(flatten)]
    pub(crate) form: FormArgs,
    /// Do not show progress
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
