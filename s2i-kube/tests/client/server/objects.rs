//! The part of the model for objects of any kind: its APIs, and objects that are applied.

use http::Request;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::{
    Server,
    http::{Answered, json_answer, missing, object},
    world::parameter,
};

/// The kinds of the cluster: the version of the API, the resource, the kind, and whether it is in namespaces.
const KINDS: [(&str, &str, &str, bool); 9] = [
    ("v1", "secrets", "Secret", true),
    ("v1", "serviceaccounts", "ServiceAccount", true),
    ("v1", "pods/exec", "PodExecOptions", true),
    ("apps/v1", "deployments/scale", "Deployment", true),
    ("apps/v1", "deployments", "Deployment", true),
    ("rbac.authorization.k8s.io/v1", "roles", "Role", true),
    (
        "rbac.authorization.k8s.io/v1",
        "rolebindings",
        "RoleBinding",
        true,
    ),
    (
        "shipwright.io/v1beta1",
        "clusterbuildstrategies",
        "ClusterBuildStrategy",
        false,
    ),
    ("shipwright.io/v1beta1", "buildruns", "BuildRun", true),
];

/// Answers with the resources of a version.
pub(crate) fn kinds(path: &str) -> Answered {
    let api = path
        .trim_start_matches("/apis/")
        .trim_start_matches("/api/");
    let kinds = KINDS.iter().filter(|(of, ..)| *of == api);
    let resources: Vec<Value> = kinds
        .map(|(_, name, kind, namespaced)| {
            json!({"name": name, "singularName": "", "kind": kind, "namespaced": namespaced, "verbs": ["patch"]})
        })
        .collect();
    if resources.is_empty() {
        return missing(path);
    }
    let list = json!({"kind": "APIResourceList", "groupVersion": api, "resources": resources});
    json_answer(200, &list)
}

/// Applies an object. Its version changes if one of its fields does.
pub(crate) async fn apply(
    server: &Server,
    request: Request<Incoming>,
    path: &str,
    query: &str,
) -> Answered {
    assert_eq!(
        request.headers()[http::header::CONTENT_TYPE],
        "application/apply-patch+yaml"
    );
    let mut new = object(request).await;
    if let Some(role) = new["roleRef"]["name"].as_str() {
        let role = path
            .replace("rolebindings", "roles")
            .replace(new["metadata"]["name"].as_str().unwrap(), role);
        if !server.applied().contains(&role) {
            return missing("the role");
        }
    }
    let old = server.world().applied.get(path).cloned();
    let version = old
        .as_ref()
        .map(|old| old["metadata"]["resourceVersion"].clone());
    new["metadata"]["resourceVersion"] = version.clone().unwrap_or_default();
    let is_same = old.as_ref() == Some(&new);
    let dry_run = parameter(query, "dryRun").is_some();
    if !dry_run && !is_same {
        let mut world = server.world();
        let version = world.requests.len().to_string();
        new["metadata"]["resourceVersion"] = version.into();
        world.applied.insert(path.to_owned(), new.clone());
    }
    json_answer(if old.is_none() { 201 } else { 200 }, &new)
}

/// Creates an object with a name that the server chooses.
pub(crate) async fn create(
    server: &Server,
    request: Request<Incoming>,
    path: &str,
    query: &str,
) -> Answered {
    let mut new = object(request).await;
    let name = format!("{}x1y2z", new["metadata"]["generateName"].as_str().unwrap());
    new["metadata"]["name"] = name.clone().into();
    if parameter(query, "dryRun").is_none() {
        let mut world = server.world();
        world.applied.insert(format!("{path}/{name}"), new.clone());
    }
    json_answer(201, &new)
}
