//! An agent that refuses, fails or is not ours.

use futures_util::TryStreamExt as _;
use insta::assert_snapshot;
use s2i_build::{Container as _, EngineError, ports::Files, request::PullPolicy};
use s2i_core::{
    Times,
    wire::{Failure, FailureKind, Kind, ReadItem},
};

use crate::{
    daemon::{Conduct, Endpoint, Knobs, Step},
    scene::{Scene, chain, outcome},
};

const KINDS: [FailureKind; 7] = [
    FailureKind::NotFound,
    FailureKind::NotExecutable,
    FailureKind::NoSuchUser,
    FailureKind::NoArtifact,
    FailureKind::BadArchive,
    FailureKind::Requirement,
    FailureKind::Os,
];

fn conducting(step: Step, conduct: Conduct) -> Scene {
    Scene::new(Knobs {
        conduct: Some((step, conduct)),
        ..Knobs::default()
    })
}

fn failure(kind: FailureKind) -> Failure {
    Failure {
        kind,
        message: "there is no `/x`".into(),
    }
}

#[tokio::test]
async fn every_kind_of_failure_arrives_and_ends_the_run() {
    for kind in KINDS {
        for step in [Step::Identify, Step::Unpack, Step::Exec, Step::Finish] {
            let scene = conducting(step, Conduct::Refuses(failure(kind)));
            let (committed, cleaned) = scene.build().await;
            let text = outcome(&committed);
            assert_eq!(text, "in a container of `s2i/go`: there is no `/x`");
            assert!(
                matches!(committed, Err(EngineError::Container { failure, .. }) if failure.kind == kind)
            );
            cleaned.unwrap();
            scene.daemon.check();
        }
    }
}

/// What the user reads when the conversation goes wrong.
async fn lost(step: Step, conduct: Conduct) -> String {
    let scene = conducting(step, conduct);
    let (committed, cleaned) = scene.build().await;
    let text = outcome(&committed);
    assert!(matches!(committed, Err(EngineError::Lost { .. })), "{text}");
    cleaned.unwrap();
    scene.daemon.check();
    text
}

#[tokio::test]
async fn wrong_agent_and_dead_agent_are_distinguished() {
    let dies = || Conduct::Dies("exec /.s2i-agent: exec format error\x1b[31m\n");
    let lines = [
        lost(Step::Hello, dies()).await,
        lost(Step::Hello, Conduct::Babbles("hello world\n")).await,
        lost(Step::Hello, Conduct::Sends(Kind::Answer, "{}")).await,
        lost(Step::Identify, Conduct::Sends(Kind::Answer, "\"read\"")).await,
        lost(
            Step::Unpack,
            Conduct::Sends(Kind::Answer, "{\"unheard\":1}"),
        )
        .await,
        lost(Step::Exec, Conduct::Sends(Kind::Answer, "\"finished\"")).await,
        lost(Step::Exec, Conduct::Sends(Kind::Hello, "{}")).await,
        lost(Step::Exec, Conduct::Sends(Kind::Failure, "?")).await,
        lost(Step::Finish, Conduct::Dies("")).await,
    ];
    assert_snapshot!(lines.join("\n"), @r#"
    the container of `s2i/go` ended before its work was done: the connection to the container ended; its last message: exec /.s2i-agent: exec format error
    the container of `s2i/go` ended before its work was done: a frame of the unknown kind 104
    the container of `s2i/go` ended before its work was done: the agent has another version of the protocol
    the container of `s2i/go` ended before its work was done: the agent answered Read
    the container of `s2i/go` ended before its work was done: Answer frame: unknown variant `unheard`, expected one of `identified`, `unpacked`, `exited`, `read`, `finished` at line 1 column 10
    the container of `s2i/go` ended before its work was done: the agent answered Finished
    the container of `s2i/go` ended before its work was done: the agent sent a Hello frame
    the container of `s2i/go` ended before its work was done: Failure frame: expected value at line 1 column 1
    the container of `s2i/go` ended before its work was done: the connection to the container ended
    "#);
}

#[tokio::test]
async fn another_version_of_the_protocol_is_refused() {
    let version = s2i_core::wire::VERSION + 1;
    let scene = Scene::new(Knobs {
        version,
        ..Knobs::default()
    });
    let err = scene.run().await.map(drop).unwrap_err();
    assert_eq!(
        chain(&err),
        "the container of `s2i/go` ended before its work was done: the agent has another version of the protocol"
    );
    scene.daemon.check();
}

#[tokio::test]
async fn files_that_are_cut_are_never_taken_for_whole() {
    let half = Conduct::SendsHalf;
    let refused = Conduct::Refuses(failure(FailureKind::NotFound));
    let dead = Conduct::Dies("");
    let mut lines = Vec::new();
    for conduct in [half, refused, dead] {
        let scene = conducting(Step::Read, conduct);
        let mut finished = scene.run().await.unwrap();
        let items = vec![ReadItem {
            path: "/x".parse().unwrap(),
            name: "x".into(),
        }];
        let read: Result<Vec<_>, _> = finished
            .container
            .read(Files {
                items,
                times: Times::default(),
                keep_modes: false,
            })
            .try_collect()
            .await;
        lines.push(chain(&read.unwrap_err()));
        finished.discard().await.unwrap();
        scene.daemon.check();
    }
    assert_snapshot!(lines.join("\n"), @r#"
    unexpected end of file
    in a container of `s2i/go`: there is no `/x`
    the container of `s2i/go` ended before its work was done: the connection to the container ended
    "#);
}

#[tokio::test]
async fn the_policy_never_pulls_nothing() {
    let scene = Scene::new(Knobs::default());
    let err = scene.resolve(PullPolicy::Never).await.unwrap_err();
    assert!(matches!(err, EngineError::NoSuchImage { .. }), "{err:?}");
    assert_eq!(scene.daemon.count(Endpoint::Pull), 0);
}

#[tokio::test]
async fn image_missing_after_a_pull_is_an_error() {
    let scene = Scene::new(Knobs {
        pull_brings: false,
        ..Knobs::default()
    });
    let err = scene.resolve(PullPolicy::IfNotPresent).await.unwrap_err();
    assert_eq!(
        chain(&err),
        "can't pull the image `s2i/go`: it is not there after the pull"
    );
}
