//! Lists of builds, and builds that are started again.

use s2i_kube::{
    client::{BuildStatus, needs_source},
    job::{BuildJob, PodUser, Source},
};
use serde_json::{Value, json};

use super::server::{Answer, Kind, Server};

fn build(name: &str, created: &str) -> Value {
    let mut build = BuildJob::new(
        "shop",
        Source::Upload,
        "registry.example.org/builder:1",
        PodUser::Id(1001),
    );
    build.facts.output = Some("registry.example.org/shop:1".to_owned());
    let mut job = serde_json::to_value(build.object().unwrap()).unwrap();
    job["metadata"]["name"] = name.into();
    job["metadata"]["uid"] = name.into();
    job["metadata"]["creationTimestamp"] = created.into();
    job
}

#[tokio::test(start_paused = true)]
async fn builds_are_listed_with_the_newest_first() {
    let server = Server::default();
    let mut done = build("shop-a", "2026-11-20T20:00:00Z");
    done["status"] = json!({"conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": "2026-11-20T20:01:00Z"}]});
    let mut active = build("shop-b", "2026-11-20T21:00:00Z");
    active["status"] = json!({"active": 1});
    let mut failed = build("shop-c", "2026-11-20T19:00:00Z");
    failed["status"] = json!({"conditions": [{"type": "FailureTarget", "status": "True"}]});
    for job in [&done, &active, &failed] {
        server.apply(Kind::Job, job);
    }
    let mut foreign = build("other", "2026-11-20T22:00:00Z");
    foreign["metadata"]["labels"] = json!({});
    server.apply(Kind::Job, &foreign);
    let builds = server.cluster().builds(Some("shop")).await.unwrap();
    let states: Vec<_> = builds
        .iter()
        .map(|build| (build.name.as_str(), build.status))
        .collect();
    assert_eq!(
        states,
        [
            ("shop-b", BuildStatus::Active),
            ("shop-a", BuildStatus::Succeeded),
            ("shop-c", BuildStatus::Failed),
        ]
    );
    assert_eq!(builds[1].ended.unwrap().to_string(), "2026-11-20T20:01:00Z");
    assert_eq!(
        builds[1].facts.output.as_deref(),
        Some("registry.example.org/shop:1")
    );
}

#[tokio::test(start_paused = true)]
async fn long_lists_come_in_pages() {
    let server = Server::default();
    let page = |name: &str, next: &str| {
        json!({"apiVersion": "batch/v1", "kind": "JobList",
        "metadata": {"continue": next}, "items": [build(name, "2026-11-20T20:00:00Z")]})
    };
    server.answer(
        "GET /apis/batch/v1/namespaces/builds/jobs?&labelSelector",
        Answer::new(200, &page("a", "more")),
    );
    server.answer(
        "GET /apis/batch/v1/namespaces/builds/jobs?&labelSelector",
        Answer::new(200, &page("b", "")),
    );
    let builds = server.cluster().builds(None).await.unwrap();
    assert_eq!(
        builds
            .iter()
            .map(|build| build.name.as_str())
            .collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert!(server.requests()[1].contains("continue=more"));
}

#[tokio::test(start_paused = true)]
async fn build_is_started_again_under_a_new_name() {
    let server = Server::default();
    let mut job = build("shop-a", "2026-11-20T20:00:00Z");
    job["spec"]["selector"] = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": "1"}});
    job["spec"]["template"]["metadata"]["labels"]["controller-uid"] = "1".into();
    server.apply(Kind::Job, &job);
    let submitted = server.cluster().retry("shop-a").await.unwrap();
    assert_eq!(submitted.build.name(), "shop-x1y2z");
    assert!(needs_source(&submitted.job));
    let template = submitted.job.spec.unwrap().template.metadata.unwrap();
    assert!(!template.labels.unwrap().contains_key("controller-uid"));
    let error = server.cluster().retry("none").await.unwrap_err();
    assert!(error.is_not_found());
}
