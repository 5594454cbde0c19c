//! The command line of `s2i kube job`: that of `s2i build --on cluster`, without what needs this machine.

use std::ffi::OsString;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, builder::Resettable::Reset};

use super::ObjectArgs;
use crate::args::{self, Build, EngineCommand, Global, canonical};

/// The options of `s2i build` that are none of this command: they are about files, engines and services of this machine,
/// about following the build, or in [`ObjectArgs`]. Hidden options are none of it either.
const LEFT_OUT: [&str; 33] = [
    "add_host",
    "as_dockerfile",
    "cache_dir",
    "callback_url",
    "cap_drop",
    "compression",
    "copy",
    "detach",
    "dockerfile_form",
    "dry_run",
    "environment_file",
    "iidfile",
    "image_scripts_url",
    "inject",
    "load",
    "metadata_file",
    "namespace",
    "network",
    "on",
    "output",
    "pids_limit",
    "pull_policy",
    "push",
    "quiet",
    "rm",
    "run",
    "runtime_pull_policy",
    "secret",
    "security_opt",
    "trust_ca",
    "use_config",
    "volume",
    "wait",
];

/// Write the Job of a build.
#[derive(Debug, Args)]
#[command(override_usage = "s2i kube job [OPTIONS] <SOURCE> <BUILDER> <IMAGE>")]
pub(crate) struct Job {
    /// Name of the Job; by default, the cluster chooses one for each, and the document is for `kubectl create -f -`
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
    // It begins a heading, so it is the last one.
    #[command(flatten)]
    pub(crate) build: JobBuild,
}

/// The build of a Job: what `s2i build --on cluster` makes of the same words.
#[derive(Debug)]
pub(crate) struct JobBuild {
    /// The command line of the build.
    pub(crate) args: Box<Build>,
    /// Its words, from the name of the program on.
    pub(crate) words: Vec<OsString>,
}

impl Args for JobBuild {
    fn augment_args(command: Command) -> Command {
        let build = build();
        let kept = build.get_arguments().filter(|arg| {
            let id = arg.get_id().as_str();
            !arg.is_hide_set() && !LEFT_OUT.contains(&id)
        });
        command.args(kept.cloned().map(adapted))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for JobBuild {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let build = build();
        let options = canonical::options(&build, matches, &LEFT_OUT);
        let common = canonical::options(&common(), matches, &[]);
        let first = ["s2i", "build", "--on=cluster"].map(str::to_owned);
        let options = first.into_iter().chain(options).chain(common);
        let mut words: Vec<OsString> = options.map(OsString::from).collect();
        words.push("--".into());
        for positional in build.get_positionals() {
            let values = matches.try_get_raw(positional.get_id().as_str());
            let values = values.ok().flatten().into_iter().flatten();
            words.extend(values.map(OsString::from));
        }
        let parsed = args::parse(words.iter().cloned())?;
        match parsed.command {
            args::Command::WithEngine(EngineCommand::Build(args)) => Ok(Self { args, words }),
            _ => unreachable!("the first word is the name of the command"),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Returns an argument of `s2i build` as one of this command. Options that are not here can't be named as a condition;
/// the build checks them all.
fn adapted(arg: Arg) -> Arg {
    let arg = arg.requires(Reset).conflicts_with(Reset);
    match arg.get_id().as_str() {
        "source" => arg.help("URL of a Git repository; `#REF` selects a branch, tag or commit"),
        "builder" => arg.help("Builder image").required(true),
        "tag" => {
            let help = "Name of the resulting image, which is pushed";
            arg.help(help).value_name("IMAGE").required(true)
        }
        _ => arg,
    }
}

fn build() -> Command {
    Build::augment_args(Command::new("build"))
}

fn common() -> Command {
    Global::augment_args(Command::new("s2i"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::kube::{Kube, KubeCommand};

    fn job(line: &str) -> Result<Job, String> {
        let words = ["s2i", "kube", "job"].into_iter();
        let words = words.chain(line.split_whitespace()).map(OsString::from);
        let parsed = args::parse(words).map_err(|err| err.to_string())?;
        match parsed.command {
            args::Command::Kube(Kube {
                command: KubeCommand::Job(job),
            }) => Ok(*job),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn left_out_options_are_options_of_builds() {
        let build = build();
        for id in LEFT_OUT {
            let has = build.get_arguments().any(|arg| arg.get_id() == id);
            assert!(has, "{id}");
        }
    }

    #[test]
    fn words_are_those_of_a_build_in_a_cluster() {
        let job = job(
            "-e B=2 https://git.example.org/a go -e A=1 a:1 --incremental -r v1 -o json --tls-verify=false --push-secret s",
        );
        let words = [
            "s2i",
            "build",
            "--on=cluster",
            "--env=B=2",
            "--env=A=1",
            "--incremental=true",
            "--push-secret=s",
            "--ref=v1",
            "--tls-verify=false",
            "--",
            "https://git.example.org/a",
            "go",
            "a:1",
        ];
        let build = job.unwrap().build;
        assert_eq!(build.words, words);
        assert!(build.args.cluster.on.is_some());
        assert_eq!(build.args.cluster.job.push_secret.as_deref(), Some("s"));
    }

    #[test]
    fn conditions_between_options_of_builds_hold() {
        for (options, expected) in [
            ("--incremental-from-tag b", "--incremental"),
            ("--size-limit", "a value is required"),
            (
                "--namespace builds --on cluster",
                "unexpected argument '--on'",
            ),
        ] {
            let message = job(&format!("https://git.example.org/a go a {options}")).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }
}
