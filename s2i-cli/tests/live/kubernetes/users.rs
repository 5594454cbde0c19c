//! The users that platforms assign to pods, and the ways in which clients log in.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};

use super::{Machine, finish};
use crate::images::Recipe;

/// A user as OpenShift assigns them.
const ASSIGNED: u32 = 1_000_620_000;

#[test]
fn user_that_the_platform_assigns_builds_the_same_layer() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let source = machine
        .live
        .instructions("show-id\nwrite /app/made text\nmode /app/made 640");
    let app = machine.image("app");
    finish(&mut machine.build(&source, &[], &app)).succeeds();
    let layers = layers(&machine, &app);
    let policy = AssignedUsers::new(&machine);
    let other = machine.image("other");
    let done = finish(&mut machine.build(&source, &["--openshift"], &other)).succeeds();
    done.says(&ASSIGNED.to_string());
    assert_eq!(self::layers(&machine, &other), layers);
    drop(policy);
}

fn layers(machine: &Machine, name: &str) -> Vec<String> {
    machine.pull(name);
    let layers = machine.layers(name);
    machine.live.s2i(["rmi", name]).succeeds();
    layers
}

/// A policy of the cluster that assigns the user and the group of files to each pod of the namespace, as the security
/// context constraint `restricted-v2` of OpenShift does, until it is dropped.
struct AssignedUsers<'a>(&'a Machine);

impl<'a> AssignedUsers<'a> {
    fn new(machine: &'a Machine) -> Self {
        let name = &machine.namespace;
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE"],
                    "resources": ["pods"],
                }]},
                "reinvocationPolicy": "Never",
                "failurePolicy": "Fail",
                "mutations": [{
                    "patchType": "ApplyConfiguration",
                    "applyConfiguration": {"expression": format!(
                        "Object{{spec: Object.spec{{securityContext: Object.spec.securityContext{{\
                         runAsUser: {ASSIGNED}, fsGroup: {ASSIGNED}}}}}}}"
                    )},
                }],
            },
        });
        let binding = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {
                "policyName": name,
                "matchResources": {"namespaceSelector": {
                    "matchLabels": {"kubernetes.io/metadata.name": name},
                }},
            },
        });
        let objects = json!({"apiVersion": "v1", "kind": "List", "items": [policy, binding]});
        machine.apply(&objects.to_string());
        let policy = Self(machine);
        policy.wait();
        policy
    }

    /// Waits until the server applies the policy.
    fn wait(&self) {
        for _ in 0..100 {
            let pod = self.0.kubectl(&[
                "run",
                "probe",
                "--image=probe",
                "--dry-run=server",
                "-o",
                "json",
                "--overrides",
                r#"{"spec": {"securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}, "containers": [{"name": "probe", "image": "probe", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}}"#,
            ]);
            let pod: Value = serde_json::from_str(&pod).unwrap();
            if pod["spec"]["securityContext"]["runAsUser"] == ASSIGNED {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        panic!("the server does not apply the policy");
    }
}

impl Drop for AssignedUsers<'_> {
    fn drop(&mut self) {
        let kinds = "mutatingadmissionpolicies,mutatingadmissionpolicybindings";
        let mut delete = self
            .0
            .kubectl_command(&["delete", kinds, &self.0.namespace]);
        let _ = delete.output();
    }
}

#[test]
fn program_of_the_kubeconfig_logs_the_user_in() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let file = machine.live.path("user.kubeconfig");
    let mut config: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let token = config["users"][0]["user"]["token"].take();
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": token},
    });
    let program = machine.live.path("login");
    fs::write(
        &program,
        format!("#!/bin/sh\ncat <<'EOF'\n{credential}\nEOF\n"),
    )
    .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    config["users"][0]["user"] = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": program,
        "interactiveMode": "Never",
    }});
    fs::write(&file, config.to_string()).unwrap();
    finish(&mut machine.s2i(&["cluster", "check"]))
        .succeeds()
        .says("ok");
}

#[test]
fn user_without_rights_gets_the_words_of_the_server() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    machine.kubectl(&["delete", "rolebindings", "--all"]);
    let source = machine.live.instructions("write /app/made text");
    let app = machine.image("app");
    let done = finish(&mut machine.build(&source, &[], &app)).ends_with(30);
    done.says("cannot create resource");
    finish(&mut machine.s2i(&["cluster", "check"]))
        .ends_with(30)
        .says("problem");
}
