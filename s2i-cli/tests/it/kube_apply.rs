//! `--apply` of `s2i kube`, with a model of a cluster.

use std::sync::{Arc, Mutex};

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    http::{Answer, Request, serve},
    scene::Scene,
};

/// The exit code for a refusal of a cluster.
const CLUSTER: u8 = 30;

/// The kinds that the cluster knows, with their resources.
const KINDS: [(&str, &str, &str); 5] = [
    ("/api/v1", "services", "Service"),
    ("/api/v1", "secrets", "Secret"),
    ("/apis/apps/v1", "deployments", "Deployment"),
    ("/apis/rbac.authorization.k8s.io/v1", "roles", "Role"),
    (
        "/apis/rbac.authorization.k8s.io/v1",
        "rolebindings",
        "RoleBinding",
    ),
];

/// The requests that the cluster has got.
type Requests = Arc<Mutex<Vec<String>>>;

/// Creates a scene with a kubeconfig whose second context is a cluster.
fn scene() -> (Scene, Requests) {
    let requests = Requests::default();
    let kept = Arc::clone(&requests);
    let address = serve(move |request| {
        kept.lock().unwrap().push(request.line.clone());
        answer(request)
    });
    let scene = Scene::new();
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: gone\nclusters:\n\
         - {{name: gone, cluster: {{server: 'http://127.0.0.1:1'}}}}\n\
         - {{name: here, cluster: {{server: 'http://{address}'}}}}\nusers: [{{name: me, user: {{}}}}]\ncontexts:\n\
         - {{name: gone, context: {{cluster: gone, user: me}}}}\n\
         - {{name: here, context: {{cluster: here, user: me, namespace: builds}}}}\n"
    );
    scene.write(".kube/config", &config);
    (scene, requests)
}

fn answer(request: &Request) -> Answer {
    let (method, uri) = request.line.split_once(' ').unwrap();
    let path = uri.split('?').next().unwrap();
    if method == "PATCH" {
        let object: Value = serde_json::from_str(&request.body).unwrap();
        if object["metadata"]["name"] == "refused" {
            let words = format!(
                "no {} for you",
                object["data"]["password"].as_str().unwrap_or_default()
            );
            return status(403, &words);
        }
        return Answer(201, "application/json", object.to_string());
    }
    let kinds = KINDS.iter().filter(|(api, ..)| *api == path);
    let kinds = kinds.map(|(_, name, kind)| json!({"name": name, "singularName": "", "kind": kind, "namespaced": true, "verbs": []}));
    let kinds: Vec<_> = kinds.collect();
    if kinds.is_empty() {
        return status(404, "not found");
    }
    let list = json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": kinds});
    Answer(200, "application/json", list.to_string())
}

fn status(code: u16, words: &str) -> Answer {
    let status = json!({"kind": "Status", "status": "Failure", "message": words, "code": code});
    Answer(code, "application/json", status.to_string())
}

const APP: [&str; 10] = [
    "kube",
    "app",
    "web:1",
    "--offline",
    "-p",
    "80",
    "--apply",
    "--context",
    "here",
    "--replicas=2",
];

#[test]
fn what_was_created_is_listed() {
    let (scene, requests) = scene();
    let done = scene.s2i(&APP).ends_with(0);
    assert_snapshot!(done.stdout, @"
    Deployment/web created in `builds`
    Service/web created in `builds`
    ");
    let requests = requests.lock().unwrap().clone();
    let checks: Vec<_> = requests
        .iter()
        .map(|line| line.contains("dryRun=All"))
        .collect();
    assert_eq!(
        checks,
        [false, false, true, true, false, false],
        "{requests:#?}"
    );
    let done = scene.s2i(&[&APP[..], &["--namespace", "other", "--progress", "json"]].concat());
    let event: Value = serde_json::from_str(&done.ends_with(0).stdout).unwrap();
    let object =
        json!({"kind": "Deployment", "name": "web", "namespace": "other", "change": "created"});
    assert_eq!(
        (&event["event"], &event["objects"][0]),
        (&json!("applied"), &object)
    );
}

#[test]
fn rights_are_for_the_namespace_of_the_context() {
    let (scene, requests) = scene();
    let args = [
        "kube",
        "rbac",
        "--user",
        "ada",
        "--apply",
        "--context",
        "here",
    ];
    let done = scene.s2i(&args).ends_with(0);
    assert!(
        done.stdout.contains("Role/s2i-build created in `builds`"),
        "{done:?}"
    );
    let requests = requests.lock().unwrap().clone();
    let last = requests.last().unwrap();
    assert!(
        last.contains("/namespaces/builds/rolebindings/s2i-build?"),
        "{last}"
    );
}

#[test]
fn refusal_and_unknown_kind_change_nothing() {
    let (scene, requests) = scene();
    scene.write("password", "hunter2");
    let secret = [
        "kube",
        "secret",
        "git",
        "refused",
        "-u",
        "ci",
        "--password-file",
        "password",
    ];
    let done = scene.s2i(&[&secret[..], &["--apply", "--context", "here"]].concat());
    let done = done.ends_with(CLUSTER).warns("nothing was changed");
    let done = done.warns("no … for you");
    assert!(!format!("{done:?}").contains("aHVudGVyMg"), "{done:?}");
    scene
        .s2i(&["kube", "tekton", "--apply", "--context", "here"])
        .ends_with(CLUSTER)
        .warns("does not know the kind `Task` of `tekton.dev/v1`");
    let requests = requests.lock().unwrap().clone();
    let changes = requests
        .iter()
        .filter(|line| line.starts_with("PATCH") && !line.contains("dryRun"));
    assert_eq!(changes.count(), 0, "{requests:#?}");
}

#[test]
fn objects_are_written_or_applied() {
    let (scene, _) = scene();
    let both = [&APP[..], &["-o", "json"]].concat();
    scene.s2i(&both).ends_with(2).warns("--output");
    for option in ["--context=here", "--force-conflicts"] {
        let args = ["kube", "app", "web:1", "--offline", option];
        scene.s2i(&args).ends_with(2).warns("--apply");
    }
    // Nothing listens in the first context.
    scene
        .s2i(&APP[..7])
        .ends_with(CLUSTER)
        .warns("can't be reached");
}
