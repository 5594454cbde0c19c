//! Sending the source: complete, given up by the receiver, cut, and refused.

use std::{io, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use s2i_build::CancelToken;
use s2i_kube::client::{
    ByteStream, Follow, FollowError, FollowOptions, OpenSource, Run, RunError, State, UploadError,
    run,
};
use serde_json::json;

use super::{
    recorded,
    server::{Answer, Kind, Receiver, Server},
};

/// The bytes of a chunk.
const CHUNK: usize = 1000;

/// A source of so many bytes.
pub(crate) fn source(bytes: usize) -> OpenSource {
    Box::new(move || chunks(bytes))
}

fn chunks(bytes: usize) -> ByteStream {
    let chunks = (0..bytes).step_by(CHUNK).map(move |start| {
        let chunk = (start..bytes.min(start + CHUNK)).map(|at| u8::try_from(at % 251).unwrap());
        Ok(chunk.collect::<Bytes>())
    });
    stream::iter(chunks).boxed()
}

/// Returns what happens until the upload has ended.
async fn upload(server: &Server, open: OpenSource) -> Result<Vec<State>, FollowError> {
    server.replay(Kind::Job, &recorded::jobs()[..2]);
    let waiting = recorded::pods().into_iter().find(|change| {
        let prepare = &change["object"]["status"]["initContainerStatuses"][0];
        !prepare["state"]["running"].is_null()
    });
    server.apply(Kind::Pod, &waiting.unwrap()["object"]);
    let options = FollowOptions {
        source: Some(open),
        ..FollowOptions::default()
    };
    let mut follow = Follow::new(server.build(), options);
    let mut states = Vec::new();
    while let Some(state) = follow.next().await? {
        let is_end = matches!(state, State::Uploaded { .. } | State::UploadCut { .. });
        states.push(state);
        if is_end {
            return Ok(states);
        }
    }
    panic!("no upload: {states:?}");
}

#[tokio::test(start_paused = true)]
async fn all_bytes_arrive_in_order() {
    let server = Server::default();
    let states = upload(&server, source(3_000_123)).await.unwrap();
    assert_eq!(states.last(), Some(&State::Uploaded { bytes: 3_000_123 }));
    let (_, received) = server.received().remove(0);
    assert_eq!(received.len(), 3_000_123);
    assert!(
        received
            .into_iter()
            .enumerate()
            .all(|(at, byte)| usize::from(byte) == at % 251)
    );
}

#[tokio::test(start_paused = true)]
async fn progress_grows() {
    let server = Server::default();
    let slow: OpenSource = Box::new(|| {
        let chunks = stream::iter(0..30).then(|_| async {
            tokio::time::sleep(Duration::from_millis(60)).await;
            Ok(Bytes::from_static(&[7; 500]))
        });
        chunks.boxed()
    });
    let states = upload(&server, slow).await.unwrap();
    let sent: Vec<u64> = states
        .iter()
        .filter_map(|state| match state {
            State::Upload { sent } => Some(*sent),
            _ => None,
        })
        .collect();
    assert!(
        sent.len() > 5 && sent.is_sorted_by(|a, b| a < b),
        "{sent:?}"
    );
    assert_eq!(states.last(), Some(&State::Uploaded { bytes: 15_000 }));
}

#[tokio::test(start_paused = true)]
async fn receiver_that_gives_up_says_why() {
    let server = Server::default();
    server.receiver(Receiver::GivesUp(5000));
    let states = upload(&server, source(10_000_000)).await.unwrap();
    let Some(State::UploadCut { words }) = states.last() else {
        panic!("{states:?}");
    };
    assert!(
        words.ends_with("without a confirmation: no space left"),
        "{words}"
    );
}

#[tokio::test(start_paused = true)]
async fn confirmation_before_the_end_is_none() {
    let server = Server::default();
    server.receiver(Receiver::ConfirmsEarly(5000));
    let states = upload(&server, source(10_000_000)).await.unwrap();
    assert!(
        matches!(states.last(), Some(State::UploadCut { .. })),
        "{:?}",
        states.last()
    );
}

#[tokio::test(start_paused = true)]
async fn connection_that_ends_is_a_cut() {
    let server = Server::default();
    server.receiver(Receiver::Cuts(5000));
    let states = upload(&server, source(10_000_000)).await.unwrap();
    assert!(
        matches!(states.last(), Some(State::UploadCut { .. })),
        "{:?}",
        states.last()
    );
}

#[tokio::test(start_paused = true)]
async fn attachment_that_fails_for_a_moment_is_tried_again() {
    let server = Server::default();
    let busy = json!({"kind": "Status", "status": "Failure", "message": "container not found", "code": 500});
    server.answer(
        "GET /api/v1/namespaces/builds/pods/fx-ok-lcxrb/attach",
        Answer::new(500, &busy).times(3),
    );
    let states = upload(&server, source(1000)).await.unwrap();
    assert_eq!(states.last(), Some(&State::Uploaded { bytes: 1000 }));
}

#[tokio::test(start_paused = true)]
async fn missing_right_to_attach_names_both_verbs() {
    let server = Server::default();
    server.refuse(
        "GET /api/v1/namespaces/builds/pods/fx-ok-lcxrb/attach",
        "403",
    );
    let error = upload(&server, source(1000)).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("can't get and create pods/attach `fx-ok-lcxrb`"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn source_that_cannot_be_read_ends_the_build() {
    let server = Server::default();
    let broken = || {
        let chunks = [
            Ok(Bytes::from_static(b"half")),
            Err(io::Error::other("the disk is gone")),
        ];
        stream::iter(chunks).boxed()
    };
    let error = upload(&server, Box::new(broken)).await.unwrap_err();
    assert!(
        matches!(error, FollowError::Upload(UploadError::Source(_))),
        "{error}"
    );
    let options = Run {
        source: Some(Box::new(broken)),
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
    assert!(matches!(error, RunError::Source(_)), "{error}");
    assert!(!server.has(Kind::Job, "fx-ok"));
}
