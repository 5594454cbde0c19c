//! What a cluster lacks.

use s2i_kube::client::{CheckRequest, Finding, Level};
use serde_json::{Value, json};

use super::server::{Answer, Server};

const NAMESPACE: &str = "GET /api/v1/namespaces/builds";
const REVIEWS: &str = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const CLASSES: &str = "GET /apis/storage.k8s.io/v1/storageclasses";

fn namespace(labels: &Value) -> Answer {
    Answer::new(
        200,
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "builds", "labels": labels}}),
    )
}

fn review(allowed: bool) -> Answer {
    Answer::new(
        201,
        &json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "metadata": {}, "spec": {}, "status": {"allowed": allowed}}),
    )
}

fn classes(items: &Value) -> Answer {
    Answer::new(
        200,
        &json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClassList", "metadata": {}, "items": items}),
    )
}

async fn check(server: &Server, request: &CheckRequest) -> Vec<Finding> {
    server.cluster().check(request).await
}

fn by_level(findings: &[Finding], level: Level) -> Vec<&str> {
    findings
        .iter()
        .filter(|finding| finding.level == level)
        .map(|finding| finding.subject.as_str())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn good_cluster_is_fine() {
    let server = Server::default();
    server.answer(
        NAMESPACE,
        namespace(&json!({"pod-security.kubernetes.io/enforce": "restricted"})),
    );
    server.answer(REVIEWS, review(true).times(13));
    let class = json!({"metadata": {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "csi.example.org"});
    server.answer(CLASSES, classes(&json!([class])));
    let findings = check(
        &server,
        &CheckRequest {
            cache: true,
            storage_class: None,
        },
    )
    .await;
    assert_eq!(
        by_level(&findings, Level::Fine),
        ["version", "namespace builds", "rights", "storage class"]
    );
    assert_eq!(findings.len(), 4);
    assert_eq!(findings[0].text, "v1.36.2");
}

#[tokio::test(start_paused = true)]
async fn each_missing_right_is_named_with_its_remedy() {
    let server = Server::default();
    server.answer(NAMESPACE, namespace(&json!({})));
    server.answer(REVIEWS, review(false).times(13));
    let findings = check(&server, &CheckRequest::default()).await;
    let missing = by_level(&findings, Level::Problem);
    assert_eq!(missing.len(), 13);
    assert!(
        missing.contains(&"create pods/attach") && missing.contains(&"delete jobs.batch"),
        "{missing:?}"
    );
    let remedy = findings
        .iter()
        .find_map(|finding| finding.remedy.as_deref())
        .unwrap();
    assert_eq!(
        remedy,
        "`s2i kube rbac --namespace builds --user NAME | kubectl apply -f -`, by an administrator"
    );
}

#[tokio::test(start_paused = true)]
async fn missing_namespace_and_class_are_problems() {
    let server = Server::default();
    server.refuse(NAMESPACE, "404");
    server.answer(REVIEWS, review(true).times(13));
    server.answer(
        CLASSES,
        classes(&json!([{"metadata": {"name": "slow"}, "provisioner": "p"}])),
    );
    let findings = check(
        &server,
        &CheckRequest {
            cache: true,
            storage_class: None,
        },
    )
    .await;
    assert_eq!(
        by_level(&findings, Level::Problem),
        ["namespace builds", "storage class"]
    );
    let remedy = findings.last().unwrap().remedy.as_deref();
    assert_eq!(
        remedy,
        Some("name a class with `--storage-class`, of these: slow")
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_seen_is_unknown() {
    let server = Server::default();
    server.refuse(NAMESPACE, "403");
    server.refuse(CLASSES, "403");
    server.answer(REVIEWS, review(true).times(13));
    let findings = check(
        &server,
        &CheckRequest {
            cache: true,
            storage_class: None,
        },
    )
    .await;
    assert_eq!(
        by_level(&findings, Level::Unknown),
        ["namespace builds", "storage class"]
    );
}

#[tokio::test(start_paused = true)]
async fn cluster_that_cannot_be_reached_is_one_finding() {
    let server = Server::default();
    server.refuse("GET /version", "401");
    let findings = check(&server, &CheckRequest::default()).await;
    assert_eq!(findings.len(), 1);
    assert!(
        findings[0].text.contains("does not accept the login"),
        "{}",
        findings[0].text
    );
}
