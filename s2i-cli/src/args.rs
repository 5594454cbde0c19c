//! What can be typed. Names and short forms are those of the Go `s2i` wherever it has them.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use s2i_build::request::{Network, PullPolicy, SourceLocation};
use s2i_core::{ContainerPath, EnvVar, ImageRef, mapping::MappingList};

/// Source code in, runnable container image out, no Dockerfile.
#[derive(Debug, Parser)]
#[command(name = "s2i", version, about, disable_help_subcommand = false)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// Options of every command.
#[derive(Debug, ClapArgs)]
pub(crate) struct Global {
    /// Where the container engine listens: `unix:///path` or `tcp://host:port`
    #[arg(short = 'U', long, global = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The container engine to use; without it, the first that answers
    #[arg(long, global = true, env = "S2I_ENGINE", value_name = "ENGINE")]
    pub(crate) engine: Option<EngineName>,
    /// How much of its own work s2i tells on standard error, from 0 to 5
    #[arg(long, global = true, default_value_t = 0, value_name = "LEVEL", value_parser = clap::value_parser!(u8).range(0..=5))]
    pub(crate) loglevel: u8,
    /// How progress is shown
    #[arg(long, global = true, default_value = "auto", value_name = "HOW")]
    pub(crate) progress: ProgressStyle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineName {
    Docker,
    Podman,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressStyle {
    /// Live on a terminal, plain elsewhere
    Auto,
    /// One line for each thing that happens
    Plain,
    /// One JSON object for each event, on standard output
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build an image from source
    Build(Box<Build>),
    /// Put images from an archive into the engine
    Load(Load),
    /// Show the exit codes and what they mean
    ExitCodes,
    /// Show the version of s2i and of the engine
    Version,
}

/// Build an image from source.
#[derive(Debug, ClapArgs)]
pub(crate) struct Build {
    /// A directory, or the URL of a Git repository; `#branch` picks a branch, tag or commit
    pub(crate) source: SourceLocation,
    /// The builder image
    pub(crate) builder: ImageRef,
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

    /// When to pull the builder: always, if-not-present or never
    #[arg(short, long, value_name = "WHEN", default_value = "if-not-present")]
    pub(crate) pull_policy: PullPolicy,
    /// What the scripts can reach: none, host, or a network of the engine
    #[arg(long, value_name = "NETWORK", value_parser = |text: &str| Ok::<_, std::convert::Infallible>(Network::from(text)))]
    pub(crate) network: Option<Network>,
    /// Certificates (PEM) that `assemble` trusts beside the builder's own; not in the result
    #[arg(long, env = "S2I_TRUST_CA", value_name = "FILE")]
    pub(crate) trust_ca: Option<PathBuf>,
    /// The user of `assemble`, in place of the builder's own
    #[arg(long, value_name = "USER")]
    pub(crate) assemble_user: Option<String>,
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

/// Put images from an archive into the engine.
#[derive(Debug, ClapArgs)]
pub(crate) struct Load {
    /// The archive, as `docker save` and OCI tools write them
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: PathBuf,
}

impl Args {
    pub(crate) fn is_json(&self) -> bool {
        self.global.progress == ProgressStyle::Json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Build, String> {
        let words = std::iter::once("s2i").chain(line.split_whitespace());
        let args = Args::try_parse_from(words).map_err(|err| err.to_string())?;
        match args.command {
            Command::Build(build) => Ok(*build),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }

    /// The short forms and the freedom of order that users of the Go tool know.
    #[test]
    fn short_forms_and_flags_between_names() {
        let build = parse(
            "build -c . -e A=1 s2i/go -p never -e B=2 app -r v1 -a /x:y -a /z --runtime-image r",
        )
        .unwrap();
        assert!(build.copy);
        assert_eq!(
            build.env.iter().map(EnvVar::to_entry).collect::<Vec<_>>(),
            ["A=1", "B=2"]
        );
        assert_eq!(
            (build.pull_policy, build.git_ref.as_deref()),
            (PullPolicy::Never, Some("v1"))
        );
        assert_eq!(build.runtime_artifact.len(), 2);
        assert_eq!(
            build.tag.unwrap().normalised(),
            "docker.io/library/app:latest"
        );
    }

    #[test]
    fn mistakes_are_told_before_anything_starts() {
        for (line, expected) in [
            ("build . Go", "must be lower case"),
            ("build . go app:", "is no valid tag"),
            ("build . go app -e A", "has no `=`"),
            ("build . go app -p often", "is no pull policy"),
            ("build . go app -a /x", "--runtime-image"),
            (
                "build . go app -a /x* --runtime-image r",
                "there are no wildcards",
            ),
            ("build -oProxyCommand=x:y go", "unexpected argument"),
            ("build ssh://-x/y go", "starts with `-`"),
        ] {
            let message = parse(line).unwrap_err();
            assert!(message.contains(expected), "{line}: {message}");
        }
    }
}
