//! Ending builds: deletions that wait for pods, and interrupts.

use std::time::Duration;

use s2i_build::{CancelToken, Interrupt, Resource};
use s2i_kube::client::{Cause, OnInterrupt, Run, RunError, run};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{
    recorded,
    server::{Answer, Kind, Server},
};

fn active() -> Server {
    let server = Server::default();
    server.replay(Kind::Job, &recorded::jobs()[..2]);
    server
}

#[tokio::test(start_paused = true)]
async fn cancellation_waits_until_the_job_is_gone() {
    let server = active();
    let start = Instant::now();
    server.build().cancel().await.unwrap();
    assert!(!server.has(Kind::Job, "fx-ok"));
    assert!(start.elapsed() >= Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn missing_build_is_no_error() {
    let server = Server::default();
    server.build().cancel().await.unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn job_of_the_same_name_that_came_later_stays() {
    let server = active();
    let replacing = server.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(1)).await;
        let mut job = recorded::jobs()[0]["object"].clone();
        job["metadata"]["uid"] = "another".into();
        replacing.apply(Kind::Job, &job);
    });
    let start = Instant::now();
    server.build().cancel().await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn pod_that_does_not_end_is_not_waited_for_for_ever() {
    let server = active();
    server.answer("DELETE", Answer::new(200, &recorded::jobs()[0]["object"]));
    let error = server.build().cancel().await.unwrap_err();
    assert!(matches!(error.cause, Cause::Timeout { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn right_to_delete_that_is_missing_is_named() {
    let server = active();
    server.refuse("DELETE", "403");
    let error = server.build().cancel().await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("can't delete jobs.batch `fx-ok` in the namespace `builds`"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn interrupted_command_removes_its_build_and_tracks_it_meanwhile() {
    let server = active();
    let cancel = CancelToken::default();
    let interrupt = cancel.clone();
    let task = tokio::spawn(async move {
        sleep(Duration::from_secs(5)).await;
        interrupt.cancel(Interrupt::Interrupted);
        sleep(Duration::from_secs(1)).await;
        interrupt.resources().list()
    });
    let error = run(&server.build(), Run::default(), &cancel, &mut |_| {})
        .await
        .unwrap_err();
    assert!(
        matches!(error, RunError::Interrupted(Interrupt::Interrupted)),
        "{error}"
    );
    assert!(!server.has(Kind::Job, "fx-ok"));
    assert_eq!(task.await.unwrap(), [Resource::Job("fx-ok".to_owned())]);
    assert_eq!(cancel.resources().list(), []);
}

#[tokio::test(start_paused = true)]
async fn command_that_is_cancelled_before_it_follows_removes_its_build_too() {
    let server = active();
    let cancel = CancelToken::default();
    cancel.cancel(Interrupt::Terminated);
    let error = run(&server.build(), Run::default(), &cancel, &mut |_| {})
        .await
        .unwrap_err();
    assert!(
        matches!(error, RunError::Interrupted(Interrupt::Terminated)),
        "{error}"
    );
    assert!(!server.has(Kind::Job, "fx-ok"));
}

#[tokio::test(start_paused = true)]
async fn interrupted_watcher_leaves_the_build() {
    let server = active();
    let cancel = CancelToken::default();
    let interrupt = cancel.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(5)).await;
        interrupt.cancel(Interrupt::Interrupted);
    });
    let options = Run {
        on_interrupt: OnInterrupt::Leave,
        ..Run::default()
    };
    let error = run(&server.build(), options, &cancel, &mut |_| {})
        .await
        .unwrap_err();
    assert!(matches!(error, RunError::Interrupted(_)), "{error}");
    assert!(server.has(Kind::Job, "fx-ok"));
}

#[tokio::test(start_paused = true)]
async fn build_that_cannot_be_removed_is_named_with_the_remedy() {
    let server = active();
    server.answer(
        "DELETE",
        Answer::new(
            500,
            &json!({"kind": "Status", "message": "etcd is gone", "code": 500}),
        ),
    );
    let cancel = CancelToken::default();
    cancel.cancel(Interrupt::Interrupted);
    let error = run(&server.build(), Run::default(), &cancel, &mut |_| {})
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the build `fx-ok` could not be removed; `kubectl delete job fx-ok` does it"
    );
}
