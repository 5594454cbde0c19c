//! What keeps a pod from being created or started: one test for each case that was seen on a cluster.

use std::time::Duration;

use s2i_kube::{
    client::{Kind, Reason},
    job::Step,
};

use super::scene::{Scene, ended, runs, waits};

const IN_USE: &str = "0/1 nodes are available: 1 node has pod using PersistentVolumeClaim with the same name and \
                      ReadWriteOncePod access mode already in-use by another pod.";

#[test]
fn pod_that_violates_pod_security_fails_at_once() {
    let scene = Scene::new().with_events("buildah");
    let failure = scene.fatal(0);
    assert_eq!((failure.kind, failure.step), (Kind::PodSecurity, None));
    assert!(
        failure
            .words
            .contains(r#"violates PodSecurity "restricted:latest""#),
        "{}",
        failure.words
    );
}

#[test]
fn pod_above_the_quota_fails_at_once() {
    let mut scene = Scene::new().with_events("buildah");
    scene.events.truncate(1);
    let message = r#"Error creating: pods "x" is forbidden: exceeded quota: q, requested: limits.memory=2Gi, used: 0, limited: 1Gi"#;
    scene.events[0]["message"] = message.into();
    assert_eq!(scene.fatal(0).kind, Kind::Quota);
}

#[test]
fn other_refusals_are_waited_for_until_the_third_try() {
    let mut scene = Scene::new().with_events("buildah");
    scene.events.truncate(1);
    scene.events[0]["message"] =
        r#"Error creating: Internal error occurred: failed calling webhook "policy.example.org""#
            .into();
    assert_eq!(scene.waiting(10).reason, Reason::Refused);
    scene.events[0]["count"] = 3.into();
    let failure = scene.fatal(10);
    assert_eq!(failure.kind, Kind::Refused);
    assert!(failure.words.contains("policy.example.org"));
}

#[test]
fn refusal_before_the_last_pod_is_of_the_past() {
    let mut scene = Scene::at("assemble", &ended(137, "Error", ""))
        .with_events("buildah")
        .with_events("fx-ok");
    scene.pods[0]["status"]["phase"] = "Failed".into();
    assert_eq!(scene.waiting(0).reason, Reason::Retry);
}

#[test]
fn missing_image_is_given_up_after_three_tries_with_the_words_of_the_registry() {
    let backoff = waits(
        "ImagePullBackOff",
        "Back-off pulling image \"127.0.0.1:35000/nosuch:1\"",
    );
    let mut scene = Scene::at("assemble", &backoff).with_events("myapp-4");
    let waiting = scene.waiting(10);
    assert_eq!(
        (waiting.reason, waiting.step),
        (Reason::ImageRetry, Some(Step::Assemble))
    );
    assert!(
        waiting
            .words
            .ends_with("127.0.0.1:35000/nosuch:1: not found"),
        "{}",
        waiting.words
    );
    for event in &mut scene.events {
        if event["reason"] == "Pulling" {
            event["count"] = 3.into();
        }
    }
    let failure = scene.fatal(45);
    assert_eq!(
        (failure.kind, failure.step),
        (Kind::Image, Some(Step::Assemble))
    );
    assert!(failure.words.ends_with("not found"));
}

#[test]
fn missing_image_is_given_up_without_events_too() {
    let scene = Scene::at("assemble", &waits("ErrImagePull", "not found"));
    assert_eq!(scene.waiting(10).reason, Reason::ImageRetry);
    assert_eq!(scene.fatal(120).kind, Kind::Image);
}

#[test]
fn name_of_an_image_that_cannot_be_one_fails_at_once() {
    let scene = Scene::at(
        "assemble",
        &waits("InvalidImageName", "couldn't parse image name"),
    );
    assert_eq!(scene.fatal(0).kind, Kind::Image);
}

#[test]
fn image_that_is_being_pulled_is_named() {
    let scene = Scene::at("assemble", &waits("PodInitializing", "")).with_event(
        "Pulling",
        1,
        "Pulling image \"builder:1\"",
    );
    let mut scene = scene;
    scene.events[0]["involvedObject"]["fieldPath"] = "spec.initContainers{assemble}".into();
    let waiting = scene.waiting(300);
    assert_eq!(
        (waiting.reason, waiting.words.as_str()),
        (Reason::Image, "Pulling image \"builder:1\"")
    );
}

#[test]
fn cache_in_use_is_a_queue_unless_the_client_is_in_a_hurry() {
    let mut scene = Scene::recorded(0).with_condition("PodScheduled", "False", IN_USE);
    let waiting = scene.waiting(100_000);
    assert_eq!(
        (waiting.reason, waiting.words.as_str()),
        (Reason::Cache, IN_USE)
    );
    scene.patience.cache = Some(Duration::from_secs(60));
    assert_eq!(scene.waiting(59).reason, Reason::Cache);
    assert_eq!(scene.fatal(60).kind, Kind::CacheInUse);
}

#[test]
fn missing_node_is_waited_for_as_long_as_asked() {
    let words = "0/3 nodes are available: 3 Insufficient memory.";
    let mut scene = Scene::recorded(0).with_condition("PodScheduled", "False", words);
    scene.patience.node = Duration::from_secs(30);
    assert_eq!(
        (scene.waiting(10).reason, scene.waiting(10).words.as_str()),
        (Reason::Node, words)
    );
    let failure = scene.fatal(30);
    assert_eq!(
        (failure.kind, failure.words.as_str()),
        (Kind::Unschedulable, words)
    );
}

#[test]
fn evicted_pod_is_tried_again() {
    let mut scene = Scene::at("assemble", &ended(137, "Error", "")).with_condition(
        "DisruptionTarget",
        "True",
        "Eviction API: evicting",
    );
    scene.pods[0]["metadata"]["deletionTimestamp"] = "2026-11-20T20:54:00Z".into();
    let waiting = scene.waiting(0);
    assert_eq!(
        (waiting.reason, waiting.step),
        (Reason::Retry, Some(Step::Assemble))
    );
    assert!(waiting.words.contains("evicting"), "{}", waiting.words);
    let failure = scene.failed("BackoffLimitExceeded", "").fatal(0);
    assert_eq!((failure.kind, failure.code), (Kind::Disrupted, None));
}

#[test]
fn eviction_by_the_node_names_what_was_short() {
    let mut scene = Scene::at("assemble", &ended(137, "Error", ""));
    scene.pods[0]["status"]["reason"] = "Evicted".into();
    scene.pods[0]["status"]["message"] = "The node was low on resource: ephemeral-storage.".into();
    let failure = scene.failed("BackoffLimitExceeded", "").fatal(0);
    assert_eq!(
        (failure.kind, failure.step),
        (Kind::Evicted, Some(Step::Assemble))
    );
    assert!(failure.words.contains("ephemeral-storage"));
}

#[test]
fn deleted_pod_is_tried_again_in_the_next_one() {
    let mut scene = Scene::at("assemble", &runs());
    scene.pods[0]["metadata"]["deletionTimestamp"] = "2026-11-20T20:54:00Z".into();
    assert_eq!(scene.waiting(0).reason, Reason::Retry);
    let mut next = super::recorded::pods()[0]["object"].clone();
    next["metadata"]["name"] = "fx-ok-next".into();
    next["metadata"]["uid"] = "next".into();
    scene.pods.push(next);
    assert_eq!(scene.waiting(0).reason, Reason::Node);
}

#[test]
fn lost_node_is_named() {
    let scene = Scene::at("assemble", &runs()).with_condition(
        "Ready",
        "Unknown",
        "Kubelet stopped posting node status.",
    );
    let waiting = scene.waiting(10);
    assert_eq!(
        (waiting.reason, waiting.step),
        (Reason::NodeLost, Some(Step::Assemble))
    );
}

#[test]
fn missing_secret_of_a_volume_is_given_up_after_two_minutes() {
    let words = r#"MountVolume.SetUp failed for volume "registry" : secret "login" not found"#;
    let mut scene = Scene::recorded(2).with_event("FailedMount", 4, words);
    scene.pods[0]["metadata"]["uid"] = scene.events[0]["involvedObject"]["uid"].clone();
    assert_eq!(
        (scene.waiting(10).reason, scene.waiting(10).words.as_str()),
        (Reason::Volume, words)
    );
    let failure = scene.fatal(120);
    assert_eq!(
        (failure.kind, failure.words.as_str()),
        (Kind::Volume, words)
    );
}

#[test]
fn pod_that_a_node_cannot_start_is_explained_by_its_events() {
    let mut scene = Scene::recorded(2);
    scene = scene.with_events("myapp-1");
    let waiting = scene.waiting(10);
    assert_eq!(waiting.reason, Reason::Start);
    assert!(
        waiting.words.contains("Failed to create pod sandbox"),
        "{}",
        waiting.words
    );
    assert_eq!(scene.fatal(120).kind, Kind::Start);
}

#[test]
fn program_that_is_missing_in_an_image_is_no_failure_of_a_script() {
    let scene = Scene::at("assemble", &ended(128, "StartError", "exec: no such file"))
        .failed("BackoffLimitExceeded", "");
    let failure = scene.fatal(0);
    assert_eq!(
        (failure.kind, failure.words.as_str()),
        (Kind::Start, "exec: no such file")
    );
}

#[test]
fn container_without_its_environment_is_given_up_after_two_minutes() {
    let scene = Scene::at(
        "push",
        &waits(
            "CreateContainerConfigError",
            "container has runAsNonRoot and image will run as root",
        ),
    );
    assert_eq!(scene.waiting(10).reason, Reason::Start);
    assert_eq!(
        (scene.fatal(120).kind, scene.fatal(120).step),
        (Kind::Start, Some(Step::Push))
    );
}
