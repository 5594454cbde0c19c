//! `s2i kube`, without a cluster and without a registry.

use std::{fs, path::Path, process::Output};

use insta::assert_snapshot;
use serde_json::Value;
use tempfile::TempDir;

use crate::shell::{s2i, stderr, stdout};

/// The exit code for objects that the API refuses, and for requests that have no objects.
const REFUSED: i32 = 18;

fn kube(dir: &Path, args: &str) -> Output {
    let words: Vec<&str> = std::iter::once("kube")
        .chain(args.split_whitespace())
        .collect();
    s2i(dir, &words)
}

#[track_caller]
fn written(args: &str) -> String {
    let dir = TempDir::new().unwrap();
    let output = kube(dir.path(), args);
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

/// Returns the kinds and names of objects.
#[track_caller]
fn objects(args: &str) -> Vec<String> {
    let text = written(&format!("{args} -o json"));
    let list: Value = serde_json::from_str(&text).unwrap();
    let items = list["items"].as_array().cloned();
    let items = items.unwrap_or_else(|| vec![list]);
    let name = |object: &Value| {
        let name = object["metadata"]["name"].as_str();
        format!(
            "{}/{}",
            object["kind"].as_str().unwrap(),
            name.unwrap_or("-")
        )
    };
    items.iter().map(name).collect()
}

#[track_caller]
fn refused(args: &str, code: i32) -> String {
    let dir = TempDir::new().unwrap();
    let output = kube(dir.path(), args);
    assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    stderr(&output)
}

const NEW_APP: &str = "new-app golang~https://git.example.org/team/hello-go.git#v1 -p 8080:http";
const CHAIN: &str = "buildconfig https://git.example.org/hello golang-builder:1.22 hello:1.0 \
                     --builder-source https://git.example.org/golang-s2i --builder-base golang:1.22 \
                     --runtime-image registry.example.org/base:1 -a /go/bin:.";

#[test]
fn one_command_writes_all_that_runs_an_application() {
    assert_eq!(
        objects(NEW_APP),
        [
            "ImageStream/hello-go",
            "BuildConfig/hello-go",
            "Deployment/hello-go",
            "Service/hello-go"
        ]
    );
}

#[test]
fn chain_has_a_build_for_each_image() {
    assert_eq!(
        objects(CHAIN),
        [
            "ImageStream/golang",
            "ImageStream/golang-builder",
            "BuildConfig/golang-builder",
            "ImageStream/hello-build",
            "ImageStream/hello",
            "BuildConfig/hello-build",
            "ImageStream/hello-runtime",
            "BuildConfig/hello",
        ]
    );
}

#[test]
fn every_command_writes_objects() {
    let image = "registry.example.org/shop/web:1";
    let pipeline = format!("https://git.example.org/web go:1 {image} -e A=b --incremental");
    for (args, kinds) in [
        (
            format!("app {image} --offline -p 80 --readiness tcp"),
            vec!["Deployment/web", "Service/web"],
        ),
        (
            "app --stream common/web -p 80".into(),
            vec!["Deployment/web", "Service/web"],
        ),
        (
            "imagestream golang:1 golang:1.22".into(),
            vec!["ImageStream/golang"],
        ),
        ("imagestream web".into(), vec!["ImageStream/web"]),
        (
            "buildconfig --binary . golang web".into(),
            vec!["ImageStream/web", "BuildConfig/web"],
        ),
        ("tekton".into(), vec!["Task/s2i"]),
        ("shipwright".into(), vec!["ClusterBuildStrategy/s2i"]),
        (
            format!("shipwright {pipeline} --run"),
            vec!["ClusterBuildStrategy/s2i", "Build/web", "BuildRun/-"],
        ),
        (
            format!("kubesphere {pipeline} --template go"),
            vec!["S2iBuilderTemplate/go", "S2iBuilder/web", "S2iRun/web-1"],
        ),
    ] {
        assert_eq!(objects(&args), kinds, "{args}");
    }
}

#[test]
fn written_objects_have_no_errors() {
    let dir = TempDir::new().unwrap();
    for args in [
        NEW_APP,
        CHAIN,
        "tekton",
        "shipwright . go:1 web:1",
        "app web:1 --offline -p 80",
    ] {
        fs::write(dir.path().join("objects.yaml"), written(args)).unwrap();
        let output = kube(dir.path(), "lint objects.yaml --no-notes");
        assert!(output.status.success(), "{args}: {}", stdout(&output));
        assert_eq!(stdout(&output), "", "{args}");
    }
}

#[test]
fn findings_name_object_place_problem_and_remedy() {
    let dir = TempDir::new().unwrap();
    let text = "kind: BuildConfig\nmetadata: {name: builder, labels: {stage: y}}\nspec:\n  source: {git: {uri: 'https://git.example.org/b'}}\n  strategy: {dockerStrategy: {}}\n  triggers: [{imageChange: {type: ImageChange}}]\n";
    fs::write(dir.path().join("bc.yaml"), text).unwrap();
    let output = kube(dir.path(), "lint bc.yaml");
    assert_eq!(output.status.code(), Some(REFUSED));
    assert_snapshot!(stdout(&output), @r"
    error: BuildConfig/builder (object 1), metadata.labels.stage: without quotes, the value is the boolean `true` and no text, so the API refuses the object [unquoted-text]
      put it in quotes
    error: BuildConfig/builder (object 1), spec.triggers[0].type: the trigger has no type, so the API refuses the object [untyped-trigger]
      write `{type: ImageChange, imageChange: {}}`: the type belongs beside `imageChange`
    ");
    let output = kube(dir.path(), "lint bc.yaml --progress json");
    let event: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(event["findings"][1]["rule"], "untyped-trigger");
    assert_eq!(event["findings"][1]["severity"], "error");
}

#[test]
fn text_that_is_no_yaml_is_refused() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("bad.yaml"), "a: [1\n").unwrap();
    let output = kube(dir.path(), "lint bad.yaml");
    assert_eq!(output.status.code(), Some(REFUSED));
    assert!(
        stderr(&output).contains("can't read the objects in `bad.yaml`"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn login_in_a_url_is_refused() {
    let error = refused(
        "new-app golang~https://me:hunter2@git.example.org/app",
        REFUSED,
    );
    assert!(
        error.contains("`https://git.example.org/app` has a login"),
        "{error}"
    );
    assert!(error.contains("--git-secret"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn directory_is_no_source_of_a_cluster() {
    let error = refused("buildconfig . golang web", REFUSED);
    assert!(
        error.contains("can't read the directory `.`") && error.contains("--binary"),
        "{error}"
    );
    let error = refused("kubesphere . go:1 web:1", REFUSED);
    assert!(error.contains("can't read the directory `.`"), "{error}");
}

#[test]
fn application_without_known_ports_is_warned_of() {
    let dir = TempDir::new().unwrap();
    let output = kube(dir.path(), "new-app golang~https://git.example.org/app");
    assert!(output.status.success());
    assert!(!stdout(&output).contains("kind: Service"));
    assert!(
        stderr(&output).contains("name the ports with --port"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn risks_of_kubesphere_are_warned_of() {
    let dir = TempDir::new().unwrap();
    let output = kube(
        dir.path(),
        "kubesphere https://git.example.org/web go:1 web:1",
    );
    let error = stderr(&output);
    assert!(
        error.contains("Docker socket") && error.contains("ConfigMap"),
        "{error}"
    );
}

#[test]
fn builds_of_openshift_become_commands() {
    let dir = TempDir::new().unwrap();
    let written = written(
        "buildconfig https://git.example.org/hello#v1 quay.io/me/go:1 hello --push-to quay.io/me/hello -e A=$B",
    );
    fs::write(dir.path().join("bc.yaml"), written).unwrap();
    let output = kube(dir.path(), "import-buildconfig bc.yaml");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_snapshot!(stdout(&output), @"
    # BuildConfig hello
    # spec.triggers: the triggers: run the command in CI for each commit, and `s2i rebuild` when an image has changed
    s2i build --env 'A=$B' --push -- 'https://git.example.org/hello#v1' quay.io/me/go:1 quay.io/me/hello:latest
    ");
}

#[test]
fn value_that_a_terminal_would_hide_is_refused() {
    let error = refused("app web:1 --offline -p 80 -e A=a\u{202e}b", REFUSED);
    assert!(error.contains("can't be printed"), "{error}");
}

/// Returns the commands in the `sh` blocks of a page.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    let joined = blocks.map(|block| block.replace("\\\n", " "));
    let lines = joined.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
    lines.collect()
}

#[test]
fn commands_of_the_page_for_openshift_write_objects_without_problems() {
    let dir = TempDir::new().unwrap();
    let commands = commands(include_str!("../../../docs/openshift.md"));
    assert!(commands.len() > 3, "{commands:?}");
    for command in commands {
        let args = command.strip_prefix("s2i kube ").unwrap();
        let (args, file) = args.split_once(" > ").unwrap_or((args, "objects.yaml"));
        let output = kube(dir.path(), args);
        assert!(output.status.success(), "{command}: {}", stderr(&output));
        if !args.starts_with("lint") {
            fs::write(dir.path().join(file), stdout(&output)).unwrap();
            let output = kube(dir.path(), &format!("lint {file}"));
            assert!(output.status.success(), "{command}: {}", stdout(&output));
        }
    }
}
