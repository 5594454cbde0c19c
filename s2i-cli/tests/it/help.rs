//! The texts of `-h` and `--version`.

use crate::{daemon::Knobs, scene::Scene};

/// The commands, in the order of the help.
const COMMANDS: [&str; 25] = [
    "build",
    "rebuild",
    "usage",
    "inspect",
    "run",
    "images",
    "rmi",
    "tag",
    "push",
    "pull",
    "load",
    "export",
    "prune",
    "generate",
    "login",
    "logout",
    "doctor",
    "kube",
    "cluster",
    "exit-codes",
    "create",
    "completion",
    "man",
    "version",
    "help",
];

/// The commands of `s2i kube`.
const KUBE: [&str; 13] = [
    "app",
    "job",
    "rbac",
    "pvc",
    "cronjob",
    "imagestream",
    "buildconfig",
    "new-app",
    "tekton",
    "shipwright",
    "kubesphere",
    "lint",
    "import-buildconfig",
];

/// The commands of `s2i cluster`.
const CLUSTER: [&str; 8] = [
    "check",
    "list",
    "logs",
    "wait",
    "cancel",
    "retry",
    "rebuild",
    "kubesphere",
];

/// The commands of `s2i kube secret`.
const SECRET: [&str; 3] = ["registry", "git", "build"];

/// The heading of the options that are the same for all commands.
const COMMON: &str = "\nOptions of all commands:\n";

/// Returns the help without the common options, and these.
fn help(scene: &Scene, args: &[&str]) -> (String, String) {
    let done = scene.s2i(args).ends_with(0);
    assert_eq!(done.stderr, "");
    let (own, rest) = done.stdout.split_once(COMMON).unwrap();
    let (common, after) = rest.split_once("\n\n").unwrap_or((rest, ""));
    let text = format!("$ s2i {}\n{own}{after}\n", args.join(" "));
    (text, common.trim_end().to_owned())
}

/// The one snapshot in a file: it is long, and `INSTA_UPDATE=always` writes it.
#[test]
fn help_of_every_command_is_as_reviewed() {
    let scene = Scene::new();
    let (mut text, common) = help(&scene, &["-h"]);
    for command in COMMANDS.iter().filter(|command| **command != "help") {
        let (own, same) = help(&scene, &[command, "-h"]);
        assert_eq!(same, common);
        text += &own;
    }
    let kube = KUBE.map(|command| ["kube", command, "-h"]);
    let cluster = CLUSTER.map(|command| ["cluster", command, "-h"]);
    let secret = SECRET.map(|command| ["kube", "secret", command, "-h"]);
    let commands = kube.iter().chain(&cluster).map(|words| &words[..]);
    for command in commands.chain(secret.iter().map(|words| &words[..])) {
        let (own, same) = help(&scene, command);
        assert_eq!(same, common);
        text += &own;
    }
    insta::assert_snapshot!("help", text + COMMON + &common);
}

#[test]
fn every_command_is_in_the_list() {
    let scene = Scene::new();
    let help = scene.s2i(&["-h"]).ends_with(0).stdout;
    let (_, commands) = help.split_once("\nCommands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let names = commands
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    assert_eq!(names.collect::<Vec<_>>(), COMMANDS);
}

#[test]
fn version_is_that_of_the_package() {
    let scene = Scene::new();
    let version = env!("CARGO_PKG_VERSION");
    for option in ["--version", "-V"] {
        let done = scene.s2i(&[option]).ends_with(0);
        assert_eq!(done.stdout, format!("s2i {version}\n"));
    }
    let scene = Scene::with_engine(Knobs::default());
    let done = scene.s2i(&["version"]).ends_with(0);
    let (first, engine) = done.stdout.split_once('\n').unwrap();
    assert_eq!(first, format!("s2i {version}"));
    assert!(engine.starts_with("Docker 20.10.24 at unix://"), "{engine}");
}
