//! The pod that the client runs in, and what belongs to it.

use std::collections::BTreeMap;

use s2i_kube::{
    job::{BuildJob, GitPassword, PodUser, Source},
    s2irun::{BuildReport, RESULT_ANNOTATION, ReportedImage, ReportedSource, SOURCE_ANNOTATION},
};
use serde_json::{Value, json};

use super::server::{Kind, Server};

/// A pod of KubeSphere's operator.
fn own_pod() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
    "metadata": {"name": "run-1-job-x", "uid": "7", "annotations": {"other.example.org/a": "kept"}},
    "spec": {"containers": [],
        "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference":
            {"matchExpressions": [{"key": "node-role.kubernetes.io/worker", "operator": "In", "values": ["ci"]}]}}]}},
        "tolerations": [
            {"key": "node.kubernetes.io/ci", "operator": "Exists", "effect": "NoSchedule"},
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
        ]}})
}

#[tokio::test(start_paused = true)]
async fn report_is_added_to_the_annotations_of_the_pod() {
    let server = Server::default();
    server.apply(Kind::Pod, &own_pod());
    let pod = server.cluster().own_pod("run-1-job-x").await.unwrap();
    let report = BuildReport {
        image: ReportedImage {
            id: "sha256:1".to_owned(),
            size: 7,
            names: vec!["registry.example.org/shop:1".to_owned()],
            ..ReportedImage::default()
        },
        source: ReportedSource {
            commit: "c0ffee".to_owned(),
            ..ReportedSource::default()
        },
    };
    pod.annotate(&report.annotations().unwrap()).await.unwrap();
    let stored = server
        .world()
        .get(Kind::Pod, "run-1-job-x")
        .cloned()
        .unwrap();
    let annotations = &stored["metadata"]["annotations"];
    assert_eq!(annotations["other.example.org/a"], "kept");
    let read =
        |key: &str| -> Value { serde_json::from_str(annotations[key].as_str().unwrap()).unwrap() };
    let image = json!({"imageID": "sha256:1", "imageSize": 7, "imageRepoTags": ["registry.example.org/shop:1"]});
    assert_eq!(read(RESULT_ANNOTATION), image);
    assert_eq!(read(SOURCE_ANNOTATION), json!({"commitID": "c0ffee"}));
    assert_eq!(annotations.as_object().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn build_of_the_pod_runs_on_its_nodes_and_goes_with_it() {
    let server = Server::default();
    server.apply(Kind::Pod, &own_pod());
    let pod = server.cluster().own_pod("run-1-job-x").await.unwrap();
    let mut build = BuildJob::new("shop", Source::Git, "b:1", PodUser::Id(1001));
    build.placement = pod.placement().clone();
    let job = serde_json::to_value(build.object().unwrap()).unwrap();
    let owner = json!([{"apiVersion": "v1", "kind": "Pod", "name": "run-1-job-x", "uid": "7"}]);
    assert_eq!(job["metadata"]["ownerReferences"], owner);
    let spec = &job["spec"]["template"]["spec"];
    let own = own_pod();
    assert_eq!(spec["affinity"], own["spec"]["affinity"]);
    assert_eq!(spec["tolerations"], json!([own["spec"]["tolerations"][0]]));
}

#[tokio::test(start_paused = true)]
async fn secret_of_the_pod_goes_with_it_or_before() {
    let server = Server::default();
    server.apply(Kind::Pod, &own_pod());
    let pod = server.cluster().own_pod("run-1-job-x").await.unwrap();
    let login = GitPassword {
        user: "ci".to_owned(),
        password: "correct-horse".to_owned().into(),
    };
    let name = pod.secret_name("git");
    let secret = login.object(&name, None, "shop").unwrap();
    pod.create_secret(secret).await.unwrap();
    let stored = server.world().secrets[&name].clone();
    assert_eq!(stored["metadata"]["ownerReferences"][0]["uid"], "7");
    pod.delete_secret(&name).await.unwrap();
    assert_eq!(server.world().secrets, BTreeMap::new());
    // One that is gone already is as good.
    pod.delete_secret(&name).await.unwrap();
    let error = server.cluster().own_pod("other").await.unwrap_err();
    assert!(error.is_not_found());
}
