//! Tasks of Tekton and strategies of Shipwright.

use insta::assert_snapshot;
use s2i_core::EnvVar;
use s2i_kube::{
    document::{Format, write},
    openshift::git,
    shipwright::{Build, Strategy},
    tekton::Task,
};
use serde_json::{Value, json};

use crate::schemas::assert_valid;

fn task() -> Task {
    Task::new("s2i".parse().unwrap(), "s2i/s2i:1".parse().unwrap())
}

fn strategy() -> Strategy {
    Strategy::new("s2i".parse().unwrap(), "s2i/s2i:1".parse().unwrap())
}

fn build() -> Build {
    Build {
        name: "web".parse().unwrap(),
        namespace: Some("shop".parse().unwrap()),
        strategy: strategy(),
        source: Some(git("https://git.example.org/web.git#main")),
        builder: "registry.example.org/go:1".parse().unwrap(),
        runtime: Some("registry.example.org/base:1".parse().unwrap()),
        env: vec![EnvVar::new("GOFLAGS", "-mod=vendor").unwrap()],
        incremental: true,
        output: "registry.example.org/shop/web:1".parse().unwrap(),
        push_secret: Some("push-login".parse().unwrap()),
    }
}

fn steps(object: &Value) -> &[Value] {
    object["spec"]["steps"].as_array().unwrap()
}

#[test]
fn task_builds_in_the_container_of_the_builder() {
    let object = task().object();
    assert_valid(std::slice::from_ref(&object));
    assert_snapshot!("task", write(&[object], Format::Yaml));
}

#[test]
fn strategy_builds_in_the_container_of_the_builder() {
    let build = build();
    let objects = [strategy().object(), build.object(), build.run(3)];
    assert_valid(&objects);
    assert_snapshot!("strategy", write(&objects, Format::Yaml));
}

#[test]
fn run_of_a_build_without_a_source_waits_for_an_upload() {
    let mut build = build();
    build.source = None;
    let run = build.run(3);
    assert_valid(&[build.object(), run.clone()]);
    assert!(build.object()["spec"]["source"].is_null());
    let local = json!({"type": "Local", "local": {"name": "local-source", "timeout": "3m"}});
    assert_eq!(run["spec"]["source"], local);
}

#[test]
fn strategy_of_a_namespace_is_of_its_own_kind() {
    let mut strategy = strategy();
    strategy.namespace = Some("shop".parse().unwrap());
    strategy.uid = None;
    let object = strategy.object();
    assert_valid(std::slice::from_ref(&object));
    assert_eq!(object["kind"], "BuildStrategy");
    assert!(object["spec"]["securityContext"].is_null());
}

#[test]
fn platform_may_assign_the_user_and_the_size_has_a_limit() {
    let mut task = task();
    task.uid = None;
    task.size_limit = Some("4Gi".into());
    let object = task.object();
    assert_valid(std::slice::from_ref(&object));
    assert!(object["spec"]["stepTemplate"].is_null());
    assert_eq!(object["spec"]["volumes"][0]["emptyDir"]["sizeLimit"], "4Gi");
}

#[test]
fn steps_with_user_code_get_no_login() {
    for object in [task().object(), strategy().object()] {
        let assemble = steps(&object)
            .iter()
            .find(|step| step["name"] == "assemble")
            .unwrap();
        for absent in ["env", "workspaces", "envFrom"] {
            assert!(assemble[absent].is_null(), "{absent}");
        }
        let mounts = assemble["volumeMounts"].as_array().unwrap();
        let writable: Vec<_> = mounts
            .iter()
            .filter(|mount| mount["readOnly"] != true)
            .map(|mount| mount["mountPath"].as_str().unwrap())
            .collect();
        assert_eq!(writable, ["/.s2i/out"]);
    }
}

#[test]
fn every_step_satisfies_the_restricted_standard() {
    for object in [task().object(), strategy().object()] {
        for step in steps(&object) {
            let context = &step["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false);
            assert_eq!(context["runAsNonRoot"], true);
            assert_eq!(context["capabilities"]["drop"], json!(["ALL"]));
            assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
            assert!(context["privileged"].is_null());
        }
    }
}

#[test]
fn no_parameter_is_a_part_of_a_script() {
    for object in [task().object(), strategy().object()] {
        for step in steps(&object) {
            for word in step["command"].as_array().unwrap() {
                assert!(!word.as_str().unwrap().contains("$("), "{word}");
            }
        }
    }
}

/// Runs the script of the step `prepare` with a program in place of s2i that shows its arguments.
#[cfg(unix)]
#[test]
fn script_of_a_step_passes_values_on_unchanged() {
    let object = task().object();
    let prepare = &steps(&object)[0];
    let script = prepare["command"][2].as_str().unwrap();
    let script = script.replace("exec /usr/bin/s2i ", "printf '<%s>' ");
    let run = |variables: &[(&str, &str)], args: &[&str]| {
        let mut command = std::process::Command::new("/bin/sh");
        command
            .env_clear()
            .args(["-c", &script, "prepare"])
            .args(args);
        let defaults = [
            ("SOURCE", "/src"),
            ("BUILDER_IMAGE", "b"),
            ("IMAGE", "i"),
            ("INCREMENTAL", "false"),
        ];
        let empty = [
            "CACHE",
            "RUNTIME_IMAGE",
            "RUNTIME_ARTIFACTS",
            "TLSVERIFY",
            "LOGINS",
        ];
        command.envs(defaults).envs(empty.map(|name| (name, "")));
        let output = command.envs(variables.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(run(&[], &[]), "<pod><prepare><--><--></src><b><i>");
    assert_eq!(
        run(
            &[("CACHE", "/c d"), ("RUNTIME_IMAGE", "$(id)")],
            &["A=*; $B `c`", "-x=y"]
        ),
        "<pod><prepare><--><--env=A=*; $B `c`><--env=-x=y><--cache-dir=/c d><--runtime-image=$(id)><--></src><b><i>"
    );
    assert_eq!(
        run(
            &[
                ("INCREMENTAL", "true"),
                ("CACHE", "/c"),
                ("TLSVERIFY", "false")
            ],
            &[]
        ),
        "<pod><prepare><--><--incremental><--tls-verify=false><--></src><b><i>"
    );
}

/// Runs the script of the step `push` with a program in place of s2i that writes a name with a digest.
#[cfg(unix)]
#[test]
fn results_of_a_push_are_its_digest_and_its_name() {
    let object = task().object();
    let push = &steps(&object)[2];
    let script = push["command"][2].as_str().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let [digest, url] = ["digest", "url"].map(|name| dir.path().join(name));
    let run = |program: &str| {
        let script = script.replace("/usr/bin/s2i pod push", program);
        let mut command = std::process::Command::new("/bin/sh");
        command.env_clear().args(["-c", &script, "push"]);
        command.envs([("IMAGE", "registry.example.org:5000/web:1"), ("LOGINS", "")]);
        command.envs([("DIGEST_FILE", &digest), ("URL_FILE", &url)]);
        command.status().unwrap().success()
    };
    assert!(!run("false"));
    assert!(!digest.exists());
    assert!(run("echo registry.example.org:5000/web@sha256:0a"));
    assert_eq!(std::fs::read_to_string(digest).unwrap(), "sha256:0a");
    assert_eq!(
        std::fs::read_to_string(url).unwrap(),
        "registry.example.org:5000/web:1"
    );
}
