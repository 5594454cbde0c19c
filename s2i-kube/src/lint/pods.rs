//! The rules for pods and their templates.

use serde_json::Value;

use super::{
    Findings,
    walk::{self, items},
};

/// The sockets of container engines, whose users are root on the node.
const SOCKETS: [&str; 6] = [
    "docker.sock",
    "containerd.sock",
    "crio.sock",
    "podman.sock",
    "buildkitd.sock",
    "dockershim.sock",
];

pub(super) fn check(findings: &mut Findings<'_>) {
    let object = findings.object;
    walk::entries(object, &mut |path, key, value| match key {
        "hostPath" => host_path(findings, path, value),
        "privileged" if *value == true => findings.warning(
            "privileged",
            path,
            "a privileged container is root on its node, and most clusters refuse it",
            "remove the field: a build in the container of its builder needs no privilege",
        ),
        _ => {}
    });
    let spec = &object["spec"];
    match findings.kind() {
        "Job" => job(findings, "spec", spec),
        "CronJob" => job(
            findings,
            "spec.jobTemplate.spec",
            &spec["jobTemplate"]["spec"],
        ),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => service(findings, spec),
        "S2iBuilder" | "S2iRun" => kubesphere(findings),
        _ => {}
    }
}

fn host_path(findings: &mut Findings<'_>, path: &str, value: &Value) {
    let host = value["path"].as_str().unwrap_or_default();
    let is_socket = SOCKETS.iter().any(|socket| host.ends_with(socket));
    let is_directory = matches!(host.trim_end_matches('/'), "" | "/run" | "/var/run");
    if is_socket || is_directory {
        findings.warning(
            "docker-socket",
            &format!("{path}.path"),
            "the pod gets the socket of a container engine, which is root on the node",
            "remove the volume: `s2i build --on cluster` and `--engine here` build without an engine",
        );
    }
}

fn job(findings: &mut Findings<'_>, path: &str, spec: &Value) {
    let pod = &spec["template"]["spec"];
    let place = format!("{path}.template.spec.restartPolicy");
    match pod["restartPolicy"].as_str() {
        Some("Never") => {}
        Some("OnFailure") if spec["podFailurePolicy"].is_object() => findings.error(
            "restart-policy",
            &place,
            "a Job with `podFailurePolicy` can't restart its containers, so the API refuses the object",
            "write `restartPolicy: Never`",
        ),
        Some("OnFailure") => findings.note(
            "restart-policy",
            &place,
            "a step that failed starts again over the files that it left",
            "write `restartPolicy: Never` for a build: each try gets a pod of its own",
        ),
        _ => findings.error(
            "restart-policy",
            &place,
            "a Job has to end, so the API refuses `Always`, which is the default",
            "write `restartPolicy: Never`",
        ),
    }
}

fn service(findings: &mut Findings<'_>, spec: &Value) {
    let policy = &spec["template"]["spec"]["restartPolicy"];
    if policy.as_str().is_some_and(|policy| policy != "Always") {
        findings.error(
            "restart-policy",
            "spec.template.spec.restartPolicy",
            "the pods have to stay, so the API refuses all but `Always`",
            "remove the field",
        );
    }
}

/// Reports the risks of builds by KubeSphere, which are not in the object.
fn kubesphere(findings: &mut Findings<'_>) {
    let spec = &findings.object["spec"];
    if findings.kind() == "S2iRun" {
        if spec["backoffLimit"].as_u64().is_some_and(|limit| limit > 0) {
            findings.warning(
                "kubesphere-retry",
                "spec.backoffLimit",
                "the operator reports the run as failed after the first try, while the next one runs",
                "write 0",
            );
        }
        return;
    }
    findings.warning(
        "docker-socket",
        "spec.config",
        "the operator's build pod gets the socket of the node's Docker daemon, which is root on the node",
        "build in pods without an engine: `s2i build --on cluster` or `s2i kube tekton`",
    );
    let config = &spec["config"];
    let logins = [
        "pushAuthentication",
        "pullAuthentication",
        "incrementalAuthentication",
        "runtimeAuthentication",
    ];
    for login in logins.iter().filter(|login| config[**login].is_object()) {
        findings.warning(
            "login-in-configmap",
            &format!("spec.config.{login}"),
            "the operator copies the login in clear text into a ConfigMap, which more users may read than Secrets",
            "use a login with the right for this one image, and forbid `get configmaps` to others",
        );
    }
    if config["gitSecretRef"].is_object() {
        findings.warning(
            "login-in-configmap",
            "spec.config.gitSecretRef",
            "the operator writes the login as a part of the URL into a ConfigMap",
            "use a token that may read this repository alone, and forbid `get configmaps` to others",
        );
    }
    let is_incremental = config["incremental"] == true;
    let has_runtime = config["runtimeImage"]
        .as_str()
        .is_some_and(|name| !name.is_empty());
    if is_incremental && has_runtime {
        findings.error(
            "incremental-runtime",
            "spec.config.incremental",
            "a build of KubeSphere with a runtime image can't be incremental",
            "remove one of them, or build with `s2i build`, which can do both",
        );
    }
    if items(&config["runtimeArtifacts"]).next().is_none() && has_runtime {
        findings.note(
            "no-artifacts",
            "spec.config.runtimeArtifacts",
            "the artifacts are those of the label of the runtime image, if it has one",
            "name them, if the image has no label `io.openshift.s2i.assemble-input-files`",
        );
    }
}
