//! The namespace, and the level of Pod Security that it enforces.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;

use super::Finding;
use crate::client::{
    cluster::{Cluster, answer},
    error::{Cause, Operation},
};

/// The label with the level.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

pub(super) async fn check(cluster: &Cluster) -> Vec<Finding> {
    let name = cluster.namespace();
    let subject = format!("namespace {name}");
    let operation = Operation {
        verb: "get",
        resource: "namespaces".into(),
        name: Some(name.to_owned()),
        namespace: String::new(),
    };
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    match answer(&operation, namespaces.get(name)).await {
        Ok(namespace) => vec![level(subject, &namespace)],
        Err(error) if error.is_not_found() => {
            let remedy = format!(
                "`kubectl create namespace {name}`, or name another one with `--namespace`"
            );
            vec![Finding::problem(
                subject,
                "there is no such namespace",
                remedy,
            )]
        }
        Err(error) if matches!(error.cause, Cause::Forbidden { .. }) => {
            let text = "the namespace can't be seen with these rights; builds do not need that";
            vec![Finding::unknown(subject, text)]
        }
        Err(error) => vec![Finding::unknown(subject, error.to_string())],
    }
}

fn level(subject: String, namespace: &Namespace) -> Finding {
    let terminating = namespace
        .status
        .as_ref()
        .is_some_and(|status| status.phase.as_deref() == Some("Terminating"));
    if terminating {
        return Finding::problem(
            subject,
            "the namespace is being deleted",
            "name another one with `--namespace`",
        );
    }
    let labels = namespace.metadata.labels.as_ref();
    match labels.and_then(|labels| labels.get(ENFORCE)) {
        Some(level) => Finding::fine(
            subject,
            format!("enforces the level `{level}`, which builds keep to"),
        ),
        None => Finding::fine(
            subject,
            "enforces no level of Pod Security; builds keep to `restricted` all the same",
        ),
    }
}
