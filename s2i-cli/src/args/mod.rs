//! What can be typed. Names and short forms are those of the Go `s2i` wherever it has them, else those
//! that users of Docker know.

mod build;
mod images;
mod limits;
mod login;
mod run;
mod uids;
mod usage;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use serde::Deserialize;

pub(crate) use self::{
    build::{Build, LoadInto, PlanForm},
    images::{Export, Image, Images, List, Load, Tag},
    login::{Login, Logout, user},
    run::Run,
    usage::Usage,
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

/// Options of every command.
#[derive(Debug, ClapArgs)]
pub(crate) struct Global {
    /// Where Docker or Podman listens: `unix:///path` or `tcp://host:port`
    #[arg(short = 'U', long, global = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The container engine to use; without it, Docker or Podman where one answers, else the embedded one
    #[arg(long, global = true, env = "S2I_ENGINE", value_name = "ENGINE")]
    pub(crate) engine: Option<EngineName>,
    /// Where the embedded engine keeps images
    #[arg(long, global = true, env = "S2I_STORE", value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// How much of its own work s2i tells on standard error, from 0 to 5
    #[arg(long, global = true, default_value_t = 0, value_name = "LEVEL", value_parser = clap::value_parser!(u8).range(0..=5))]
    pub(crate) loglevel: u8,
    /// How progress is shown
    #[arg(long, global = true, default_value = "auto", value_name = "HOW")]
    pub(crate) progress: ProgressStyle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EngineName {
    Docker,
    Podman,
    /// The one that is part of s2i
    Native,
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
    /// Show what a builder image is for and how it is used
    Usage(Usage),
    /// Run the command of an image, and end as it ends
    Run(Run),
    /// List the images
    Images(List),
    /// Remove images, or names of them
    Rmi(Images),
    /// Give an image one more name
    Tag(Tag),
    /// Send an image to its registry
    Push(Image),
    /// Get an image from its registry
    Pull(Image),
    /// Log in to a registry
    Login(Login),
    /// Forget the logins for a registry
    Logout(Logout),
    /// Put images from an archive into the engine
    Load(Load),
    /// Write an image to an archive
    #[command(visible_alias = "save")]
    Export(Export),
    /// Remove images without a name, and what nothing needs any more
    Prune,
    /// Show which engines there are, what they offer, and what to do about what they don't
    Doctor,
    /// Show the exit codes and what they mean
    ExitCodes,
    /// Show the version of s2i and of the engine
    Version,
}

impl Args {
    pub(crate) fn is_json(&self) -> bool {
        self.global.progress == ProgressStyle::Json
    }
}

#[cfg(test)]
mod tests {
    use s2i_build::request::PullPolicy;
    use s2i_core::EnvVar;

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

    /// A list that is repeated replaces the one before, and the configuration counts where there is none.
    #[test]
    fn the_last_list_of_allowed_users_counts() {
        let config = crate::config::Config {
            allowed_uids: "5".parse().unwrap(),
            ..Default::default()
        };
        for (line, expected) in [
            ("build .", "5"),
            ("build . -u 1-", "1-"),
            ("build . -u -10", "0-10"),
            ("build . --allowed-uids=1001,2000- -u 7", "7"),
            ("build . --allowed-uids=", ""),
        ] {
            let ranges = parse(line).unwrap().allowed.ranges(&config);
            assert_eq!(ranges.to_string(), expected, "{line}");
        }
        for line in ["build . -u root", "build . -u 5-1", "build . -u -"] {
            let message = parse(line).unwrap_err();
            let expected = "is not a range of user numbers";
            assert!(message.contains(expected), "{line}: {message}");
        }
    }

    /// With one name it is known only later what it is the name of.
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
        assert!(parse("build . go app more").is_err());
    }

    #[test]
    fn usage_asks_one_image() {
        let line = "s2i usage --json s2i/go -p never -e A=1 -e B=2";
        let args = Args::try_parse_from(line.split_whitespace()).unwrap();
        let Command::Usage(usage) = args.command else {
            panic!("{args:?}")
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
            let words = std::iter::once("s2i").chain(bad.split_whitespace());
            assert!(Args::try_parse_from(words).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_login_is_for_a_registry() {
        let words = "s2i login https://Index.Docker.io/v1/ -u me --password-stdin";
        let args = Args::try_parse_from(words.split_whitespace()).unwrap();
        let Command::Login(login) = args.command else {
            panic!("{args:?}")
        };
        assert_eq!(login.registry, "docker.io");
        for bad in [
            "login example.org/team",
            "login me@example.org",
            "login -u a:b",
            "login --password-stdin",
            "logout -u me",
        ] {
            let words = std::iter::once("s2i").chain(bad.split_whitespace());
            assert!(Args::try_parse_from(words).is_err(), "{bad}");
        }
    }

    /// What comes after the image is for the application.
    #[test]
    fn the_image_ends_the_options_of_run() {
        let words = "s2i run --read-only -p 80:8080 -e A=1 web --help -e B=2 -- x";
        let args = Args::try_parse_from(words.split_whitespace()).unwrap();
        let Command::Run(run) = args.command else {
            panic!("{args:?}")
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
            let words = std::iter::once("s2i").chain(bad.split_whitespace());
            assert!(Args::try_parse_from(words).is_err(), "{bad}");
        }
    }

    #[test]
    fn where_a_build_is_loaded_needs_an_equals_sign() {
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
