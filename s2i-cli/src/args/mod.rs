//! The command line. Names and short forms of options are those of the Go `s2i` where it has them, otherwise
//! those of Docker.

mod build;
#[cfg(feature = "kube")]
mod canonical;
#[cfg(feature = "kube")]
mod cluster;
#[cfg(feature = "kube")]
mod cluster_rebuild;
mod container;
mod create;
mod credentials;
mod dockerfile;
mod images;
mod inspect;
#[cfg(feature = "kube")]
pub(crate) mod kube;
mod legacy;
mod limits;
mod login;
mod on_build;
mod parse;
mod pod;
mod previous;
mod rebuild;
mod result;
mod run;
mod scripts;
mod shell;
mod source;
mod tls;
mod uids;
mod usage;
mod use_config;

use std::{
    ffi::OsString,
    num::ParseIntError,
    path::{Path, PathBuf},
};

use clap::{ArgAction, Args as ClapArgs, Parser, Subcommand, ValueEnum};
use s2i_oci::layer::Compression;
use serde::Deserialize;

use crate::error::{Error, reason};

pub(crate) use self::{
    build::{Build, LoadInto, PlanForm},
    create::Create,
    dockerfile::{FormArgs, Generate},
    images::{Export, Image, Images, List, Load, Push, Tag},
    inspect::Inspect,
    login::{Login, Logout, user},
    parse::{parse, with_command_first, with_go_forms},
    pod::Pod,
    rebuild::Rebuild,
    result::ResultArgs,
    run::Run,
    shell::{Completion, Man},
    tls::TlsArgs,
    usage::Usage,
};
#[cfg(feature = "kube")]
pub(crate) use self::{
    canonical::build_options,
    cluster::{Cluster, JobArgs, Named, OnCluster, Where},
    cluster_rebuild::RebuildImages,
};

/// Source code in, runnable container image out, no Dockerfile.
#[derive(Debug, Parser)]
#[command(name = "s2i", version, about, disable_help_subcommand = false)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// The options of all commands.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Options of all commands")]
pub(crate) struct Global {
    /// Address of Docker or Podman: `unix:///path`, `tcp://host:port` or `ssh://user@host`
    #[arg(short = 'U', long, global = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    /// Use this container engine; by default, Docker or Podman if one responds, otherwise the embedded engine
    #[arg(long, global = true, env = "S2I_ENGINE", value_name = "ENGINE")]
    pub(crate) engine: Option<EngineName>,
    /// Verify the certificates of registries; with `false`, any certificate is accepted, and a registry without TLS is
    /// used without encryption, logins included
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        action = ArgAction::Set, default_value = "true", default_missing_value = "true", value_parser = parse::boolean)]
    pub(crate) tls_verify: bool,
    /// Store the images of the embedded engine in this directory
    #[arg(long, global = true, env = "S2I_STORE", value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// Set the log level of s2i itself on standard error, from 0 (off) to 5 (all details)
    #[arg(long, global = true, default_value = "0", value_name = "LEVEL", value_parser = level, allow_hyphen_values = true)]
    pub(crate) loglevel: u8,
    /// Show progress as bars on a terminal and as lines elsewhere, always as lines, or as JSON events
    #[arg(long, global = true, default_value = "auto", value_name = "HOW")]
    pub(crate) progress: ProgressStyle,
}

/// Parses a log level. The Go tool accepts any number, and so a higher one is 5 and a lower one is 0.
fn level(text: &str) -> Result<u8, ParseIntError> {
    let level: i32 = text.parse()?;
    Ok(u8::try_from(level.clamp(0, 5)).unwrap_or_default())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EngineName {
    Docker,
    Podman,
    /// The engine embedded in s2i
    Native,
    /// The container that s2i runs in, whose image is the builder
    Here,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressStyle {
    /// Bars for transfers on a terminal, lines otherwise, with `CI` set and with `TERM=dumb`
    Auto,
    /// Lines without control characters
    Plain,
    /// One JSON object per event, on standard output
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    WithEngine(EngineCommand),
    /// Write a Dockerfile for a builder image
    Generate(Box<Generate>),
    /// Log in to a registry
    Login(Login),
    /// Remove the logins for a registry
    Logout(Logout),
    /// Show the available engines, their features and how to fix problems
    Doctor,
    /// Write objects for Kubernetes and OpenShift, and check them
    #[cfg(feature = "kube")]
    Kube(kube::Kube),
    /// Check a Kubernetes cluster for builds, and list, follow, remove and repeat builds in it
    #[cfg(feature = "kube")]
    #[command(subcommand)]
    Cluster(Cluster),
    /// List the exit codes and their meanings
    ExitCodes,
    /// Write the skeleton of a builder image into a directory
    Create(Create),
    /// Print the completion script for a shell
    Completion(Completion),
    /// Write the manual pages of s2i into a directory
    Man(Man),
    /// Run a step of a build in a pod
    #[command(subcommand, hide = true)]
    Pod(Pod),
    /// Show the versions of s2i and the engine
    Version {
        /// Arguments that are accepted and ignored, as by the Go tool
        #[arg(hide = true, value_name = "IGNORED")]
        ignored: Vec<OsString>,
    },
}

/// The commands that open an engine.
#[derive(Debug, Subcommand)]
pub(crate) enum EngineCommand {
    /// Build an image from source
    Build(Box<Build>),
    /// Build an image again from the source in its labels
    Rebuild(Box<Rebuild>),
    /// Show how to use a builder image
    Usage(Usage),
    /// Describe an image: its settings for s2i, its uses and the build that made it
    Inspect(Inspect),
    /// Run a container from an image and exit with its status
    Run(Run),
    /// List images
    Images(List),
    /// Remove images or names of images
    Rmi(Images),
    /// Add a name to an image
    Tag(Tag),
    /// Push an image to its registry
    Push(Push),
    /// Pull an image from its registry
    Pull(Image),
    /// Load images from an archive into the engine
    Load(Load),
    /// Write an image to an archive
    #[command(visible_alias = "save")]
    Export(Export),
    /// Remove images without a name and unused data
    Prune,
}

impl EngineCommand {
    fn credential_file(&self) -> Option<&Path> {
        match self {
            Self::Build(args) => args.credentials.file(),
            Self::Rebuild(args) => args.credentials.file(),
            Self::Usage(args) => args.credentials.file(),
            Self::Inspect(args) => args.credentials.file(),
            _ => None,
        }
    }

    /// Returns the compression of layers that are pushed, if it is requested.
    pub(crate) fn compression(&self) -> Option<Compression> {
        match self {
            Self::Build(args) => args.result.compression,
            Self::Push(args) => args.compression,
            _ => None,
        }
    }
}

impl Command {
    /// Returns the file that the command reads the logins for registries from, if it names one.
    pub(crate) fn credential_file(&self) -> Option<&Path> {
        match self {
            Self::WithEngine(command) => command.credential_file(),
            #[cfg(feature = "kube")]
            Self::Kube(args) => args.credential_file(),
            _ => None,
        }
    }

    /// Makes the only name of a build that of its result: the builder is known without one.
    pub(crate) fn name_result(&mut self) {
        if let Self::WithEngine(EngineCommand::Build(build)) = self
            && build.name().is_none()
        {
            build.tag = build.builder.take();
        }
    }
}

impl Args {
    /// Returns the reason of the Go tool for the failure of a build.
    pub(crate) fn reason(&self, err: &Error) -> Option<&'static str> {
        match &self.command {
            Command::WithEngine(EngineCommand::Build(build)) => {
                reason::of(err, build.runtime_image.as_ref())
            }
            Command::WithEngine(EngineCommand::Rebuild(_)) => reason::of(err, None),
            _ => None,
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.global.progress == ProgressStyle::Json
    }
}

#[cfg(test)]
mod tests {
    use s2i_build::request::PullPolicy;
    use s2i_core::EnvVar;

    use super::*;

    fn parse_command(line: &str) -> Result<Command, String> {
        let words = std::iter::once("s2i").chain(line.split_whitespace());
        let args = super::parse(words.map(Into::into)).map_err(|err| err.to_string())?;
        Ok(args.command)
    }

    fn parse(line: &str) -> Result<Build, String> {
        match parse_command(line)? {
            Command::WithEngine(EngineCommand::Build(build)) => Ok(*build),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn command_line_is_consistent() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }

    /// The short forms and the free order of arguments are those of the Go tool.
    #[test]
    fn short_forms_and_options_between_names_are_accepted() {
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

    /// A repeated option replaces the earlier list, and without the option the configuration applies.
    #[test]
    fn last_list_of_allowed_users_counts() {
        let configured = "5".parse().unwrap();
        for (line, expected) in [
            ("build .", "5"),
            ("build . -u 1-", "1-"),
            ("build . -u -10", "0-10"),
            ("build . --allowed-uids=1001,2000- -u 7", "7"),
            ("build . --allowed-uids=", ""),
        ] {
            let ranges = parse(line).unwrap().allowed.or(&configured);
            assert_eq!(ranges.to_string(), expected, "{line}");
        }
        for line in ["build . -u root", "build . -u 5-1", "build . -u -"] {
            let message = parse(line).unwrap_err();
            let expected = "is not a range of user numbers";
            assert!(message.contains(expected), "{line}: {message}");
        }
    }

    /// A single name is kept as the builder; the build decides later if it names the builder or the result.
    #[test]
    fn names_after_the_source_may_be_left_out() {
        for (line, builder, tag) in [
            ("build .", None, None),
            ("build . --incremental go", Some("go"), None),
            ("build . -c go app", Some("go"), Some("app")),
        ] {
            let build = parse(line).unwrap();
            let names =
                [&build.builder, &build.tag].map(|name| name.as_ref().map(ToString::to_string));
            assert_eq!(
                names,
                [builder, tag].map(|name| name.map(str::to_owned)),
                "{line}"
            );
        }
        assert!(parse("build . go app more names").is_ok());
    }

    #[test]
    fn usage_takes_one_image() {
        let command = parse_command("usage --json s2i/go -p never -e A=1 -e B=2").unwrap();
        let Command::WithEngine(EngineCommand::Usage(usage)) = command else {
            panic!("{command:?}")
        };
        assert_eq!(usage.image.to_string(), "s2i/go");
        assert_eq!((usage.json, usage.env.len()), (true, 2));
        assert_eq!(usage.pull_policy, PullPolicy::Never);
        for bad in [
            "usage",
            "usage a b",
            "usage Go",
            "usage go -e A",
            "usage go -p often",
        ] {
            assert!(parse_command(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn login_takes_a_registry() {
        let command =
            parse_command("login https://Index.Docker.io/v1/ -u me --password-stdin").unwrap();
        let Command::Login(login) = command else {
            panic!("{command:?}")
        };
        assert_eq!(login.registry, "docker.io");
        for bad in [
            "login example.org/team",
            "login me@example.org",
            "login -u a:b",
            "login --password-stdin",
            "logout -u me",
        ] {
            assert!(parse_command(bad).is_err(), "{bad}");
        }
    }

    /// Words after the image belong to the application.
    #[test]
    fn image_ends_the_options_of_run() {
        let command =
            parse_command("run --read-only -p 80:8080 -e A=1 web --help -e B=2 -- x").unwrap();
        let Command::WithEngine(EngineCommand::Run(run)) = command else {
            panic!("{command:?}")
        };
        let (image, words) = run.image().unwrap();
        assert_eq!(image.to_string(), "web");
        assert_eq!(words, ["--help", "-e", "B=2", "--", "x"]);
        assert_eq!(
            (run.env.len(), run.publish.len(), run.read_only),
            (1, 1, true)
        );
        for bad in [
            "run",
            "run --nope web",
            "run -p 80 web",
            "run -p 0:80 web",
            "run -p 80:x web",
        ] {
            assert!(parse_command(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn destination_of_load_needs_an_equals_sign() {
        for (line, expected) in [
            ("build . go app --load", Some(LoadInto::Any)),
            ("build --load . go app", Some(LoadInto::Any)),
            ("build . go app --load=podman", Some(LoadInto::Podman)),
            (
                "build . go app --load=unix:///x",
                Some(LoadInto::Url("unix:///x".into())),
            ),
            ("build . go app", None),
        ] {
            assert_eq!(parse(line).unwrap().load, expected, "{line}");
        }
    }

    /// All notations of booleans of the Go tool are accepted, and the last one of several counts.
    #[test]
    fn flags_may_have_values() {
        for (flags, expected) in [
            ("--incremental", true),
            ("--incremental=true --copy=false", true),
            ("--incremental=T -cq=1", true),
            ("--incremental=false", false),
            ("--incremental=0", false),
            ("--incremental --incremental=false", false),
            ("--incremental=false --incremental", true),
        ] {
            let build = parse(&format!("build . go app {flags}")).unwrap();
            assert_eq!(build.previous.incremental, expected, "{flags}");
        }
        let build = parse("build -cq . go app").unwrap();
        assert!(build.copy && build.quiet);
        for (line, expected) in [
            ("build . go app --copy=yes", "use true or false"),
            ("build . go app --copy=", "use true or false"),
        ] {
            let message = parse(line).unwrap_err();
            assert!(message.contains(expected), "{line}: {message}");
        }
        // A flag takes no word, so the next one is a name.
        let build = parse("build --copy false go app").unwrap();
        assert_eq!(build.builder.unwrap().to_string(), "go");
        assert!(parse_command("images -q=true --progress=json").is_ok());
    }

    #[test]
    fn options_of_a_command_may_come_before_it() {
        for line in [
            "--ref v1 build . go app",
            "--loglevel 5 --ref=v1 -e A=1 build . go app",
            "-r v1 -c build . go app",
            "-cr v1 --loglevel=2 build . go app",
        ] {
            let build = parse(line).unwrap();
            assert_eq!(build.git_ref.as_deref(), Some("v1"), "{line}");
        }
        // A value may be the name of a command.
        let build = parse("--ref build build . go").unwrap();
        assert_eq!(build.git_ref.as_deref(), Some("build"));
        for bad in [
            "--no-such build . go",
            "--json build . go",
            "--ref build",
            "-- build .",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn old_options_are_accepted() {
        let build = parse(
            "build . go app latest --keep-symlinks --save-temp-dir --ignore-submodules=true -l /old \
             --destination /new -a /x --incremental-pull-policy never --rm",
        )
        .unwrap();
        let destination = build.legacy.destination(build.destination.as_ref());
        assert_eq!(destination.unwrap().to_string(), "/old");
        let warnings = build.legacy.warnings();
        let options: Vec<_> = warnings.iter().map(|warning| &*warning.place).collect();
        assert_eq!(options, ["--location", "--save-temp-dir"]);
        let line = "usage go -q --incremental --rm=false --callback-url x --save-temp-dir -d /x -l /y \
                    --incremental-pull-policy never --runtime-pull-policy always --dockercfg-path f";
        assert!(parse_command(line).is_ok());
    }

    #[test]
    fn level_is_clamped() {
        for (option, expected) in [("9", 5), ("-1", 0), ("3", 3)] {
            for line in [
                format!("--loglevel {option} images"),
                format!("images --loglevel={option}"),
            ] {
                let words = ["s2i"].into_iter().chain(line.split_whitespace());
                let args = super::parse(words.map(Into::into)).unwrap();
                assert_eq!(args.global.loglevel, expected, "{line}");
            }
        }
    }

    #[test]
    fn invalid_arguments_are_rejected() {
        for (line, expected) in [
            ("build . Go", "must be lower case"),
            ("build . go app:", "is not a valid tag"),
            ("build . go app -e A", "has no `=`"),
            ("build . go app -p often", "is not a pull policy"),
            (
                "build . go app -a /x* --runtime-image r",
                "there are no wildcards",
            ),
            ("build -xProxyCommand=x:y go", "unexpected argument"),
            ("build ssh://-x/y go", "starts with `-`"),
        ] {
            let message = parse(line).unwrap_err();
            assert!(message.contains(expected), "{line}: {message}");
        }
    }
}
