//! How builds end, and what is read from their steps: one test for each case that was seen on a cluster.

use s2i_kube::{
    client::{Kind, Reason, Verdict},
    job::Step,
};
use serde_json::json;

use super::scene::{Scene, ended, runs};

#[test]
fn recorded_build_runs_step_by_step_and_is_done() {
    let mut steps = Vec::new();
    for index in 0..super::recorded::pods().len() {
        match Scene::recorded(index).verdict(0) {
            Verdict::Running(step) if steps.last() != Some(&step) => steps.push(step),
            Verdict::Fatal(failure) => panic!("state {index}: {failure}"),
            _ => {}
        }
    }
    assert_eq!(steps, [Step::Prepare, Step::Assemble, Step::Push]);
    let last = Scene::recorded(super::recorded::pods().len() - 1).end(
        "SuccessCriteriaMet",
        "CompletionsReached",
        "",
    );
    let Verdict::Done(outcome) = last.verdict(0) else {
        panic!("{:?}", last.verdict(0));
    };
    let digest = "sha256:2df0e1816a8e12bc46514084d1a6770e62116ff8de7815e75e5a77f262b19b9c";
    assert_eq!(outcome.digest.as_deref(), Some(digest));
    assert_eq!(
        (outcome.job.as_str(), outcome.pod.as_str()),
        ("fx-ok", "fx-ok-lcxrb")
    );
    let times: Vec<_> = outcome
        .steps
        .iter()
        .map(|time| (time.step, time.seconds))
        .collect();
    assert_eq!(
        times,
        [(Step::Prepare, 1), (Step::Assemble, 3), (Step::Push, 0)]
    );
}

#[test]
fn result_is_waited_for_while_the_pod_may_still_be_described() {
    let scene = Scene::at("push", &runs()).end("Complete", "CompletionsReached", "");
    assert_eq!(scene.waiting(0).reason, Reason::Controller);
    assert_eq!(scene.fatal(30).kind, Kind::NoResult);
}

#[test]
fn script_that_failed_ends_the_build_with_its_step_and_code() {
    let failed = ended(
        4,
        "Error",
        r#"{"error": "assemble failed with exit code 7", "code": 4}"#,
    );
    let scene =
        Scene::at("assemble", &failed).failed("PodFailurePolicy", "Container assemble failed");
    let failure = scene.fatal(0);
    assert_eq!(
        (failure.kind, failure.step, failure.code),
        (Kind::Script, Some(Step::Assemble), Some(4))
    );
    insta::assert_snapshot!(failure, @"assemble: a script failed (exit code 4): assemble failed with exit code 7; the log of the step has the error of the script");
}

#[test]
fn script_that_failed_is_named_after_its_pod_was_deleted_too() {
    let failed = ended(4, "Error", r#"{"error": "no compiler", "code": 4}"#);
    let mut scene = Scene::at("assemble", &failed).failed("PodFailurePolicy", "");
    scene.pods[0]["metadata"]["deletionTimestamp"] = "2026-11-20T20:55:00Z".into();
    assert_eq!(scene.fatal(0).kind, Kind::Script);
}

#[test]
fn failed_step_is_explained_by_the_end_of_its_log_without_a_message() {
    let scene = Scene::at(
        "push",
        &ended(22, "Error", "connecting\nregistry refused the manifest\n"),
    );
    let failure = scene.failed("BackoffLimitExceeded", "").fatal(0);
    assert_eq!(
        (failure.kind, failure.words.as_str()),
        (Kind::Step, "registry refused the manifest")
    );
}

#[test]
fn memory_limit_is_named_although_the_program_ended_with_its_own_code() {
    for code in [137, 1, 4] {
        let scene =
            Scene::at("assemble", &ended(code, "OOMKilled", "")).failed("BackoffLimitExceeded", "");
        let failure = scene.fatal(0);
        assert_eq!(
            (failure.kind, failure.step),
            (Kind::OutOfMemory, Some(Step::Assemble))
        );
        assert_eq!(failure.kind.openshift_name(), "OutOfMemoryKilled");
    }
}

#[test]
fn cut_upload_is_no_failure_of_a_script() {
    let scene = Scene::at(
        "prepare",
        &ended(
            24,
            "Error",
            r#"{"error": "the source ends early", "code": 24}"#,
        ),
    );
    let failure = scene.failed("BackoffLimitExceeded", "").fatal(0);
    assert_eq!(
        (failure.kind, failure.step),
        (Kind::Upload, Some(Step::Prepare))
    );
    assert_eq!(failure.words, "the source ends early");
}

#[test]
fn deadline_names_the_step_that_it_cut() {
    let scene = Scene::at("assemble", &runs()).end(
        "Failed",
        "DeadlineExceeded",
        "Job was active longer than specified deadline",
    );
    let failure = scene.fatal(0);
    assert_eq!(
        (failure.kind, failure.step),
        (Kind::Deadline, Some(Step::Assemble))
    );
}

#[test]
fn deadline_without_a_source_says_so() {
    let scene = Scene::at("prepare", &runs()).end(
        "Failed",
        "DeadlineExceeded",
        "Job was active longer than specified deadline",
    );
    let failure = scene.fatal(0);
    assert_eq!(
        (failure.kind, failure.words.as_str()),
        (Kind::Deadline, "the source was not sent")
    );
}

#[test]
fn suspended_job_waits_for_its_queue() {
    let mut scene = Scene::new();
    scene.job.as_mut().unwrap()["spec"]["suspend"] = true.into();
    assert_eq!(scene.waiting(100_000).reason, Reason::Suspended);
}

#[test]
fn deleted_job_is_the_end() {
    let mut scene = Scene::at("assemble", &runs());
    scene.job = None;
    let failure = scene.fatal(0);
    assert_eq!(
        (failure.kind, failure.step),
        (Kind::Deleted, Some(Step::Assemble))
    );
}

#[test]
fn silence_of_the_cluster_is_noted_after_ten_seconds() {
    assert_eq!(
        Scene::new().waiting(9).words,
        "the cluster has not created a pod yet"
    );
    let words = Scene::new().waiting(10).words;
    assert_eq!(
        words,
        "the cluster has not created a pod for 10 s, and gives no reason"
    );
}

#[test]
fn job_that_failed_without_a_known_pod_has_the_words_of_the_cluster() {
    let scene = Scene::new().end(
        "Failed",
        "BackoffLimitExceeded",
        "Job has reached the specified backoff limit",
    );
    assert_eq!(scene.waiting(0).reason, Reason::Controller);
    let failure = scene.fatal(30);
    assert_eq!(
        (failure.kind, failure.words.as_str()),
        (Kind::Unknown, "Job has reached the specified backoff limit")
    );
}

#[test]
fn containers_that_others_add_are_no_steps() {
    let mut scene = Scene::at("assemble", &runs());
    let added = json!({"name": "proxy", "image": "p", "imageID": "p", "ready": false, "restartCount": 9,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}}});
    scene.pods[0]["status"]["initContainerStatuses"]
        .as_array_mut()
        .unwrap()
        .insert(0, added);
    assert!(matches!(scene.verdict(0), Verdict::Running(Step::Assemble)));
}

#[test]
fn every_failure_has_a_remedy() {
    let kinds = [
        Kind::Script,
        Kind::Upload,
        Kind::OutOfMemory,
        Kind::PodSecurity,
        Kind::Quota,
        Kind::Image,
        Kind::Deadline,
    ];
    let mut remedies: Vec<_> = kinds.iter().map(|kind| kind.remedy()).collect();
    remedies.sort_unstable();
    remedies.dedup();
    assert_eq!(remedies.len(), kinds.len());
}
