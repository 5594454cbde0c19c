//! Running builds: those that can't succeed, that are only watched, and that go on without their command.

use std::time::Duration;

use s2i_build::{CancelToken, Interrupt};
use s2i_kube::client::{Kind as Failure, Patience, Run, RunError, run};
use serde_json::json;

use super::{
    attaches::source,
    follows::play,
    recorded,
    scene::{Scene, waits},
    server::{Kind, Server},
};

#[tokio::test(start_paused = true)]
async fn build_that_cannot_succeed_is_given_up_and_removed() {
    let server = Server::default();
    server.replay(Kind::Job, &recorded::jobs()[..2]);
    let pod = Scene::at("assemble", &waits("InvalidImageName", "couldn't parse"))
        .pods
        .remove(0);
    server.apply(Kind::Pod, &pod);
    let cancel = CancelToken::default();
    let error = run(&server.build(), Run::default(), &cancel, &mut |_| {})
        .await
        .unwrap_err();
    assert!(
        matches!(&error, RunError::Failed(failure) if failure.kind == Failure::Image),
        "{error}"
    );
    assert!(!server.has(Kind::Job, "fx-ok"));
    assert_eq!(cancel.resources().list(), []);
}

#[tokio::test(start_paused = true)]
async fn build_that_is_only_watched_stays() {
    let server = Server::default();
    server.replay(Kind::Job, &recorded::jobs()[..2]);
    let mut pod = recorded::pods()[0]["object"].clone();
    pod["status"]["conditions"] =
        json!([{"type": "PodScheduled", "status": "False", "message": "no room"}]);
    server.apply(Kind::Pod, &pod);
    let options = Run {
        patience: Patience {
            node: Duration::from_secs(20),
            ..Patience::default()
        },
        ..Run::watching()
    };
    let error = run(
        &server.build(),
        options,
        &CancelToken::default(),
        &mut |_| {},
    )
    .await
    .unwrap_err();
    assert!(
        matches!(&error, RunError::Failed(failure) if failure.kind == Failure::Unschedulable),
        "{error}"
    );
    assert!(server.has(Kind::Job, "fx-ok"));
}

#[tokio::test(start_paused = true)]
async fn detached_command_ends_when_the_source_was_received() {
    let server = Server::default();
    tokio::spawn(play(server.clone()));
    let options = Run {
        source: Some(source(1000)),
        detach: true,
        ..Run::default()
    };
    let error = run(
        &server.build(),
        options,
        &CancelToken::default(),
        &mut |_| {},
    )
    .await
    .unwrap_err();
    assert!(
        matches!(&error, RunError::Detached(name) if name == "fx-ok"),
        "{error}"
    );
    assert!(server.has(Kind::Job, "fx-ok") && server.received().len() == 1);
}

#[tokio::test(start_paused = true)]
async fn detached_command_does_not_wait_for_a_source_that_the_cluster_gets() {
    let server = Server::default();
    server.replay(Kind::Job, &recorded::jobs()[..2]);
    let run_with = async |cancel: &CancelToken| {
        let options = Run {
            detach: true,
            ..Run::default()
        };
        let done = run(&server.build(), options, cancel, &mut |_| {}).await;
        done.unwrap_err()
    };
    let error = run_with(&CancelToken::default()).await;
    assert!(matches!(error, RunError::Detached(_)), "{error}");
    assert!(server.requests().is_empty());
    let interrupted = CancelToken::default();
    interrupted.cancel(Interrupt::Interrupted);
    let error = run_with(&interrupted).await;
    assert!(matches!(error, RunError::Interrupted(_)), "{error}");
    assert!(!server.has(Kind::Job, "fx-ok"));
}
