//! Following a build: from recorded changes, over connections that end, and over the loss of a node.

use std::time::Duration;

use s2i_build::CancelToken;
use s2i_kube::{
    client::{
        End, Follow, FollowError, FollowOptions, Kind as Failure, Reason, Run, RunError, State, run,
    },
    job::Step,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    attaches::source,
    recorded,
    scene::{Scene, ended, runs, waits},
    server::{Answer, Kind, Receiver, Server},
};

/// The number of the recorded change with which this container runs.
fn running(container: &str) -> usize {
    let runs = |change: &Value| {
        let status = &change["object"]["status"];
        let mut containers = ["initContainerStatuses", "containerStatuses"]
            .into_iter()
            .filter_map(|list| status[list].as_array())
            .flatten();
        containers
            .any(|status| status["name"] == container && !status["state"]["running"].is_null())
    };
    recorded::pods().iter().position(runs).unwrap()
}

/// Plays the recorded build: each change after a second, and the logs between them. The source has to come first.
pub(crate) async fn play(server: Server) {
    let (jobs, pods) = (recorded::jobs(), recorded::pods());
    server.replay(Kind::Job, &jobs[..2]);
    for (index, change) in pods.iter().enumerate() {
        sleep(Duration::from_secs(1)).await;
        server.apply(Kind::Pod, &change["object"]);
        if index == running("prepare") {
            while server.received().is_empty() {
                sleep(Duration::from_millis(100)).await;
            }
            log(&server, "prepare", recorded::LOG_PREPARE);
        }
        if index == running("assemble") {
            log(&server, "assemble", recorded::LOG_ASSEMBLE);
        }
        if index == running("push") {
            log(&server, "push", recorded::LOG_PUSH);
        }
    }
    server.replay(Kind::Job, &jobs[2..]);
}

fn log(server: &Server, container: &str, text: &str) {
    server.log("fx-ok-lcxrb", container, text);
    server.end_log("fx-ok-lcxrb", container);
}

async fn follow(server: &Server, options: FollowOptions) -> Vec<State> {
    let mut follow = Follow::new(server.build(), options);
    let mut states = Vec::new();
    while let Some(state) = follow.next().await.unwrap() {
        states.push(state);
    }
    states
}

fn with_source() -> FollowOptions {
    FollowOptions {
        source: Some(source(100_000)),
        ..FollowOptions::default()
    }
}

/// Returns the events in short, without progress.
fn short(states: &[State]) -> Vec<String> {
    let text = |state: &State| match state {
        State::Waiting(waiting) => Some(format!("waiting for {}", waiting.reason)),
        State::Pod { attempt, .. } => Some(format!("pod {attempt}")),
        State::StepStarted { step, .. } => Some(format!("{step} starts")),
        State::Uploaded { bytes } => Some(format!("uploaded {bytes}")),
        State::UploadCut { .. } => Some("upload cut".to_owned()),
        State::Log { step, line, .. } => Some(format!("{step}: {line}")),
        State::StepEnded(end) => Some(format!("{} ends with {}", end.step, end.code)),
        State::Interrupted(_) => Some("interrupted".to_owned()),
        State::LogLost { step, .. } => Some(format!("log of {step} lost")),
        State::Ended(End::Succeeded(outcome)) => {
            Some(format!("done: {}", outcome.digest.as_ref().unwrap()))
        }
        State::Ended(End::Failed { failure, .. }) => Some(format!("failed: {failure}")),
        State::Upload { .. } => None,
    };
    states.iter().filter_map(text).collect()
}

fn lines(states: &[State], of: Step) -> Vec<&str> {
    let line = |state| match state {
        &State::Log { step, ref line, .. } if step == of => Some(line.as_str()),
        _ => None,
    };
    states.iter().filter_map(line).collect()
}

fn without_times(log: &str) -> Vec<&str> {
    log.lines()
        .map(|line| line.split_once(' ').unwrap().1)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn recorded_build_is_followed_from_its_source_to_its_digest() {
    let server = Server::default();
    tokio::spawn(play(server.clone()));
    let states = follow(&server, with_source()).await;
    let mut events = short(&states);
    events.retain(|event| !event.starts_with("assemble: "));
    insta::assert_snapshot!(events.join("\n"));
    assert_eq!(
        lines(&states, Step::Assemble),
        without_times(recorded::LOG_ASSEMBLE)
    );
    let (pod, received) = &server.received()[0];
    assert_eq!((pod.as_str(), received.len()), ("fx-ok-lcxrb", 100_000));
}

#[tokio::test(start_paused = true)]
async fn log_is_complete_before_its_step_ends() {
    let server = Server::default();
    tokio::spawn(play(server.clone()));
    let events = short(&follow(&server, with_source()).await);
    let last_line = events
        .iter()
        .rposition(|event| event.starts_with("assemble: "))
        .unwrap();
    let end = events
        .iter()
        .position(|event| event == "assemble ends with 0")
        .unwrap();
    assert!(last_line < end);
}

#[tokio::test(start_paused = true)]
async fn streams_that_end_are_opened_again_and_no_line_comes_twice() {
    let server = Server::default();
    tokio::spawn(play(server.clone()));
    let ending = server.clone();
    tokio::spawn(async move {
        loop {
            sleep(Duration::from_millis(700)).await;
            ending.end_streams();
        }
    });
    let states = follow(&server, with_source()).await;
    assert!(matches!(
        states.last(),
        Some(State::Ended(End::Succeeded(_)))
    ));
    assert_eq!(
        lines(&states, Step::Assemble),
        without_times(recorded::LOG_ASSEMBLE)
    );
    assert_eq!(server.received().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn log_goes_on_after_the_last_line() {
    let server = Server::default();
    server.replay(Kind::Job, &recorded::jobs()[..2]);
    server.apply(Kind::Pod, &recorded::pods()[running("assemble")]["object"]);
    let mut log = recorded::LOG_ASSEMBLE.split_inclusive('\n');
    let first: String = log.by_ref().take(4).collect();
    let rest: String = log.collect();
    server.log("fx-ok-lcxrb", "assemble", &first);
    let writing = server.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(2)).await;
        writing.end_streams();
        sleep(Duration::from_secs(2)).await;
        writing.log("fx-ok-lcxrb", "assemble", &rest);
        sleep(Duration::from_secs(2)).await;
        finish(&writing);
    });
    let states = follow(&server, FollowOptions::default()).await;
    assert_eq!(
        lines(&states, Step::Assemble),
        without_times(recorded::LOG_ASSEMBLE)
    );
    let reads = server
        .requests()
        .iter()
        .filter(|request| request.contains("/log?") && request.contains("container=assemble"))
        .count();
    assert!(reads >= 3, "{reads}");
}

fn finish(server: &Server) {
    for container in ["prepare", "assemble", "push"] {
        server.end_log("fx-ok-lcxrb", container);
    }
    server.replay(Kind::Pod, &recorded::pods()[running("push")..]);
    server.replay(Kind::Job, &recorded::jobs()[2..]);
}

#[tokio::test(start_paused = true)]
async fn log_that_the_node_does_not_know_yet_is_asked_for_again() {
    let server = Server::default();
    server.refuse(
        "GET /api/v1/namespaces/builds/pods/fx-ok-lcxrb/log?&container=push",
        "400-log",
    );
    tokio::spawn(play(server.clone()));
    let states = follow(&server, with_source()).await;
    assert_eq!(
        lines(&states, Step::Push),
        without_times(recorded::LOG_PUSH)
    );
}

#[tokio::test(start_paused = true)]
async fn log_that_is_gone_is_reported_and_the_build_goes_on() {
    let server = Server::default();
    server.refuse(
        "GET /api/v1/namespaces/builds/pods/fx-ok-lcxrb/log?&container=push",
        "404",
    );
    tokio::spawn(play(server.clone()));
    let events = short(&follow(&server, with_source()).await);
    assert!(
        events.contains(&"log of push lost".to_owned())
            && events.last().unwrap().starts_with("done: "),
        "{events:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn long_lines_come_in_parts_and_whole() {
    let server = Server::default();
    let long = "x".repeat(100_000);
    server.log(
        "fx-ok-lcxrb",
        "push",
        &format!("2026-11-20T20:54:03.1Z {long}\n"),
    );
    tokio::spawn(play(server.clone()));
    let states = follow(&server, with_source()).await;
    let parts = lines(&states, Step::Push);
    assert!(parts.iter().all(|part| part.len() <= 16 * 1024));
    assert_eq!(parts[..parts.len() - 2].concat(), long);
}

#[tokio::test(start_paused = true)]
async fn slow_log_of_a_build_that_has_ended_is_complete() {
    let server = Server::default();
    server.replay(Kind::Job, &recorded::jobs()[..2]);
    server.apply(Kind::Pod, &recorded::pods()[running("assemble")]["object"]);
    let playing = server.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(2)).await;
        for container in ["prepare", "push"] {
            playing.end_log("fx-ok-lcxrb", container);
        }
        playing.replay(Kind::Pod, &recorded::pods()[running("push")..]);
        playing.replay(Kind::Job, &recorded::jobs()[2..]);
        for line in recorded::LOG_ASSEMBLE.split_inclusive('\n') {
            sleep(Duration::from_secs(8)).await;
            playing.log("fx-ok-lcxrb", "assemble", line);
        }
        playing.end_log("fx-ok-lcxrb", "assemble");
    });
    let states = follow(&server, FollowOptions::default()).await;
    assert_eq!(
        lines(&states, Step::Assemble),
        without_times(recorded::LOG_ASSEMBLE)
    );
    assert!(matches!(
        states.last(),
        Some(State::Ended(End::Succeeded(_)))
    ));
}

#[tokio::test(start_paused = true)]
async fn changes_that_the_server_has_forgotten_are_listed() {
    let server = Server::default();
    server.replay(Kind::Job, &recorded::jobs()[..2]);
    server.apply(Kind::Pod, &recorded::pods()[running("push")]["object"]);
    let forgetful = server.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(5)).await;
        forgetful.end_streams();
        finish(&forgetful);
        forgetful.compact();
    });
    let states = follow(&server, FollowOptions::default()).await;
    assert!(
        matches!(states.last(), Some(State::Ended(End::Succeeded(_)))),
        "{states:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn lost_connection_is_reported_once_and_made_again() {
    let server = Server::default();
    server.replay(Kind::Job, &recorded::jobs()[..2]);
    server.apply(Kind::Pod, &recorded::pods()[running("push")]["object"]);
    let failing = server.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(5)).await;
        failing.answer(
            "GET /api",
            Answer::new(
                503,
                &json!({"kind": "Status", "message": "starting", "code": 503}),
            )
            .times(9),
        );
        failing.end_streams();
        sleep(Duration::from_secs(30)).await;
        finish(&failing);
    });
    let events = short(&follow(&server, FollowOptions::default()).await);
    let reports = events.iter().filter(|event| *event == "interrupted");
    assert_eq!(reports.count(), 1, "{events:?}");
    assert!(events.last().unwrap().starts_with("done: "), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn cluster_that_does_not_answer_for_three_minutes_ends_the_following_and_not_the_build() {
    let server = Server::default();
    server.answer(
        "GET /",
        Answer::new(
            503,
            &json!({"kind": "Status", "message": "down", "code": 503}),
        )
        .times(10_000),
    );
    let cancel = CancelToken::default();
    let error = run(&server.build(), Run::default(), &cancel, &mut |_| {})
        .await
        .unwrap_err();
    let RunError::Follow {
        source: FollowError::Api(error),
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert!(error.is_temporary());
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.starts_with("GET "))
    );
}

#[tokio::test(start_paused = true)]
async fn missing_right_ends_the_following_at_once_and_names_the_verb() {
    let server = Server::default();
    server.replay(Kind::Job, &recorded::jobs()[..2]);
    server.refuse("GET /api/v1/namespaces/builds/events", "403");
    let mut follow = Follow::new(server.build(), FollowOptions::default());
    let error = loop {
        match follow.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("no error"),
            Err(error) => break error,
        }
    };
    assert!(
        error
            .to_string()
            .starts_with("can't list events in the namespace `builds`: the cluster forbids it"),
        "{error}"
    );
}

/// Plays a node that is lost during `assemble`: its pod is deleted, and another one takes its place.
async fn lose_node(server: Server) {
    server.replay(Kind::Job, &recorded::jobs()[..2]);
    server.replay(Kind::Pod, &recorded::pods()[..=running("prepare")]);
    while server.received().is_empty() {
        sleep(Duration::from_millis(100)).await;
    }
    let mut lost = recorded::pods()[running("assemble")]["object"].clone();
    server.apply(Kind::Pod, &lost);
    server.log(
        "fx-ok-lcxrb",
        "assemble",
        "2026-11-20T20:53:59.608440121Z first try\n",
    );
    sleep(Duration::from_secs(60)).await;
    let unknown = json!({"type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting node status."});
    lost["status"]["conditions"]
        .as_array_mut()
        .unwrap()
        .push(unknown);
    lost["status"]["conditions"]
        .as_array_mut()
        .unwrap()
        .retain(|condition| condition["type"] != "Ready" || condition["status"] == "Unknown");
    server.apply(Kind::Pod, &lost);
    sleep(Duration::from_secs(300)).await;
    let target = json!({"type": "DisruptionTarget", "status": "True", "message": "Taint manager: deleting due to NoExecute taint"});
    lost["status"]["conditions"]
        .as_array_mut()
        .unwrap()
        .push(target);
    lost["metadata"]["deletionTimestamp"] = "2026-11-20T20:59:00Z".into();
    server.apply(Kind::Pod, &lost);
    sleep(Duration::from_secs(5)).await;
    server.remove(Kind::Pod, "fx-ok-lcxrb");
    for change in recorded::pods() {
        sleep(Duration::from_secs(1)).await;
        let mut next = change["object"].clone();
        next["metadata"]["name"] = "fx-ok-next1".into();
        next["metadata"]["uid"] = "next".into();
        next["metadata"]["creationTimestamp"] = "2026-11-20T20:59:10Z".into();
        server.apply(Kind::Pod, &next);
        if change == recorded::pods()[running("prepare")] {
            while server.received().len() < 2 {
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    for container in ["prepare", "assemble", "push"] {
        server.end_log("fx-ok-next1", container);
    }
    server.replay(Kind::Job, &recorded::jobs()[2..]);
}

#[tokio::test(start_paused = true)]
async fn build_goes_on_after_the_loss_of_a_node_and_gets_its_source_again() {
    let server = Server::default();
    tokio::spawn(lose_node(server.clone()));
    let events = short(&follow(&server, with_source()).await);
    insta::assert_snapshot!(events.join("\n"));
    let received: Vec<_> = server
        .received()
        .into_iter()
        .map(|(pod, bytes)| (pod, bytes.len()))
        .collect();
    assert_eq!(
        received,
        [
            ("fx-ok-lcxrb".to_owned(), 100_000),
            ("fx-ok-next1".to_owned(), 100_000)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn cut_upload_is_a_failure_of_its_own_kind() {
    let server = Server::default();
    server.receiver(Receiver::Cuts(1000));
    let playing = server.clone();
    tokio::spawn(async move {
        playing.replay(Kind::Job, &recorded::jobs()[..2]);
        playing.replay(Kind::Pod, &recorded::pods()[..=running("prepare")]);
        while playing.received().is_empty() {
            sleep(Duration::from_millis(100)).await;
        }
        sleep(Duration::from_secs(1)).await;
        let message = r#"{"error": "the source ends after 1000 bytes", "code": 24}"#;
        let scene =
            Scene::at("prepare", &ended(24, "Error", message)).failed("BackoffLimitExceeded", "");
        playing.end_log("fx-ok-lcxrb", "prepare");
        playing.apply(Kind::Pod, &scene.pods[0]);
        playing.apply(Kind::Job, scene.job.as_ref().unwrap());
    });
    let states = follow(&server, with_source()).await;
    assert!(short(&states).contains(&"upload cut".to_owned()));
    let Some(State::Ended(End::Failed {
        failure,
        finished: true,
    })) = states.last()
    else {
        panic!("{:?}", states.last());
    };
    assert_eq!(
        (failure.kind, failure.words.as_str()),
        (Failure::Upload, "the source ends after 1000 bytes")
    );
}

#[tokio::test(start_paused = true)]
async fn new_reason_of_a_wait_is_reported_once() {
    let server = Server::default();
    let mut pod = Scene::at("assemble", &waits("ErrImagePull", "no such host"))
        .pods
        .remove(0);
    server.replay(Kind::Job, &recorded::jobs()[..2]);
    server.apply(Kind::Pod, &pod);
    let playing = server.clone();
    tokio::spawn(async move {
        for round in 0..3 {
            sleep(Duration::from_secs(10)).await;
            pod["metadata"]["annotations"] = json!({"round": round.to_string()});
            playing.apply(Kind::Pod, &pod);
        }
        pod["status"] = Scene::at("assemble", &runs()).pods[0]["status"].clone();
        playing.apply(Kind::Pod, &pod);
        sleep(Duration::from_secs(1)).await;
        finish(&playing);
    });
    let states = follow(&server, FollowOptions::default()).await;
    let waits = states.iter().filter(
        |state| matches!(state, State::Waiting(waiting) if waiting.reason == Reason::ImageRetry),
    );
    assert_eq!(waits.count(), 1);
}
