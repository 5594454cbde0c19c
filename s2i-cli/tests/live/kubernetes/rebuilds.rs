//! Builds that are repeated, and builds for KubeSphere's operator, in a real Kubernetes. The commands run on this machine,
//! with the rights that they would have in a pod.

use std::fs;

use s2i_core::label;
use s2i_kube::job::{KUBESPHERE_RULES, REBUILD_RULES};
use serde_json::{Value, json};

use super::{Machine, finish, sources};
use crate::{
    images::Recipe,
    repository::{serve_files, serve_files_to},
};

/// A digest that no image has.
const OTHER: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

/// A pod as the operator makes one. It never runs.
fn operators_pod(machine: &Machine) {
    let container = json!({"name": "s2irun", "image": machine.agent, "securityContext": {
        "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "run-job-x", "namespace": machine.namespace, "annotations": {"example.org/other": "kept"}},
        "spec": {"nodeSelector": {"example.org/none": "here"}, "containers": [container],
            "securityContext": {"runAsNonRoot": true, "runAsUser": 1001, "seccompProfile": {"type": "RuntimeDefault"}}}});
    machine.apply(&pod.to_string());
}

#[test]
fn build_of_the_operator_runs_and_its_result_is_in_annotations() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    machine.make_user(&KUBESPHERE_RULES);
    operators_pod(&machine);
    let source = machine.live.instructions("write /app/made text");
    let app = machine.image("app");
    let config = json!({"builderImage": machine.builder, "tag": app, "export": true, "outputBuildResult": true,
        "isBinaryURL": true, "sourceUrl": format!("{}/instructions", serve_files(&source)),
        "pushAuthentication": {"username": "ci", "password": "hunter22hunter22", "serverAddress": machine.registry}});
    let file = machine.live.path("config.json");
    fs::write(&file, config.to_string()).unwrap();
    let mut command = machine.s2i(&["cluster", "kubesphere"]);
    command.env("S2I_CONFIG_PATH", file);
    command.env("POD_NAMESPACE", &machine.namespace);
    command.env("POD_NAME", "run-job-x");
    let done = finish(&mut command).succeeds();
    done.says("Build completed successfully")
        .never_says("hunter22");
    let pod = machine.kubectl(&["get", "pod", "run-job-x", "-o", "json"]);
    let pod: Value = serde_json::from_str(&pod).unwrap();
    let annotations = &pod["metadata"]["annotations"];
    assert_eq!(annotations["example.org/other"], "kept");
    let result: Value =
        serde_json::from_str(annotations["s2iBuildResult"].as_str().unwrap()).unwrap();
    assert_eq!(result["imageRepoTags"], json!([app]));
    assert!(result["imageID"].as_str().unwrap().starts_with("sha256:"));
    let source = annotations["s2iBuildSource"].as_str().unwrap();
    assert!(
        source.contains(r#""binaryName":"instructions""#),
        "{source}"
    );
    assert_eq!(machine.kubectl(&["get", "secrets", "-o", "name"]), "");
    // The Job goes with the pod of the operator.
    machine.kubectl(&["delete", "pod", "run-job-x", "--grace-period=0"]);
    let jobs = ["wait", "--for=delete", "jobs", "--all", "--timeout=60s"];
    machine.kubectl(&jobs);
    assert_eq!(machine.jobs(), "");
}

#[test]
fn image_on_another_builder_gets_a_job_on_the_current_one() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    machine.make_user(&REBUILD_RULES);
    let old = format!("{}@{OTHER}", machine.builder).leak();
    let recipe = Recipe::builder()
        .label(label::BUILD_IMAGE, old)
        .label(label::BUILD_SOURCE_LOCATION, "https://git.example.org/shop")
        .label(label::BUILD_COMMIT_REF, "main")
        .label(label::OCI_BASE_NAME, old)
        .label(label::OCI_BASE_DIGEST, OTHER);
    let app = machine.publish("app", &recipe);
    let rebuild = ["cluster", "rebuild", "--if-base-changed", "--detach", &app];
    let done = finish(&mut machine.s2i(&[&rebuild[..], &["--dry-run"]].concat())).succeeds();
    done.says(OTHER);
    assert_eq!(machine.jobs(), "");
    let options = ["--", "--agent-image", &machine.agent];
    finish(&mut machine.s2i(&[&rebuild[..], &options].concat())).succeeds();
    let images = "jsonpath={.items[0].spec.template.spec.initContainers[1].image}";
    let image = machine.kubectl(&["get", "jobs", "-o", images]);
    assert!(
        image.starts_with(&format!("{}@sha256:", machine.builder)),
        "{image}"
    );
    // One that is being built is not built twice.
    let done = finish(&mut machine.s2i(&rebuild)).succeeds();
    done.says("is being built by");
}

#[test]
fn image_from_a_repository_is_built_again_when_its_builder_has_changed() {
    let Some(machine) = sources::machine() else {
        return;
    };
    let (root, commit) = sources::repository(&machine);
    let url = format!("{}/app.git", serve_files_to(&root, machine.host(), None));
    let app = machine.image("app");
    finish(&mut sources::build(&machine, &url, &[], &app)).succeeds();
    let rebuild = ["cluster", "rebuild", "--if-base-changed", &app];
    let done = finish(&mut machine.s2i(&rebuild)).succeeds();
    done.says("stands on the current");
    let changed = Recipe::builder().label("example.org/changed", "yes");
    machine.publish("builder", &changed);
    // By its last Job, and by its labels.
    for options in [&[][..], &["--", "--agent-image", &machine.agent]] {
        let forced = ["cluster", "rebuild", &app];
        let words = if options.is_empty() {
            &rebuild[..]
        } else {
            &forced
        };
        let done = finish(&mut machine.s2i(&[words, options].concat())).succeeds();
        done.says("Build completed successfully");
        let args = ["--tls-verify=false", "inspect", "--registry", &app];
        machine.live.s2i(args).succeeds().says(commit.trim());
        let done = finish(&mut machine.s2i(&rebuild)).succeeds();
        done.says("stands on the current");
    }
}
