//! What a build makes of an engine that refuses a call or breaks off in the middle.

use std::fmt::Write as _;

use futures_util::StreamExt as _;
use insta::assert_snapshot;
use s2i_build::{
    EngineError,
    ports::{EngineProbe as _, ImageTransfer as _},
};

use crate::{
    daemon::{Answers, Conduct, Endpoint, Fault, Knobs, Step},
    scene::{Scene, archive, chain, outcome},
};

/// The calls of a build that can fail, and the how many-th of its kind.
const CALLS: [(Endpoint, usize); 11] = [
    (Endpoint::Pull, 0),
    (Endpoint::InspectImage, 0),
    (Endpoint::Version, 0),
    (Endpoint::Create, 0),
    (Endpoint::Archive, 0),
    (Endpoint::Attach, 0),
    (Endpoint::Start, 0),
    (Endpoint::Commit, 0),
    (Endpoint::Tag, 0),
    (Endpoint::InspectImage, 1),
    (Endpoint::Remove, 0),
];

/// One fault in one build: what the user reads, and that nothing is left.
async fn fault(endpoint: Endpoint, nth: usize, fault: Fault) -> String {
    let scene = Scene::new(Knobs {
        fault: Some((endpoint, nth, fault)),
        ..Knobs::default()
    });
    let (committed, cleaned) = scene.build().await;
    let mut line = outcome(&committed.map(drop));
    if let Err(left) = cleaned {
        let _ = write!(line, " | cleanup: {}", chain(&left));
    }
    if !scene.recorder.warnings().is_empty() {
        let _ = write!(line, " | warning: {}", scene.recorder.warnings());
    }
    let left_to_tell = scene.daemon.containers() > 0;
    assert!(
        !left_to_tell || line.contains("remove the container"),
        "{line}"
    );
    let has_image = scene.daemon.model().images.contains(crate::daemon::MADE);
    let may_have_it = line.starts_with("ok") || matches!(endpoint, Endpoint::Commit);
    assert!(!has_image || may_have_it, "the image is left: {line}");
    redacted(&line, &scene)
}

/// Without what differs between two runs: the socket and the random end of the name.
fn redacted(line: &str, scene: &Scene) -> String {
    let socket = scene.daemon.socket().display().to_string();
    let line = line.replace(&socket, "SOCKET");
    let mut shown = String::new();
    let mut rest = &*line;
    while let Some(at) = rest.find("s2i_s2i_go_").map(|at| at + "s2i_s2i_go_".len()) {
        shown.push_str(&rest[..at]);
        shown.push_str("########");
        rest = &rest[at + 8..];
    }
    shown + rest
}

async fn table(kind: Fault) -> String {
    let mut table = String::new();
    for (endpoint, nth) in CALLS {
        let line = fault(endpoint, nth, kind).await;
        let _ = writeln!(table, "{endpoint:?} {nth}: {line}");
    }
    table
}

#[tokio::test]
async fn refused_calls_leave_nothing_behind() {
    assert_snapshot!(table(Fault::Status(500, "no space left")).await, @r#"
    Pull 0: can't pull the image `s2i/go`: no space left
    InspectImage 0: the engine failed to inspect the image `s2i/go`: no space left
    Version 0: no container engine answers at unix://SOCKET (from the test): no space left
    Create 0: the engine failed to create a container of `s2i/go`: no space left
    Archive 0: the engine failed to put the agent into a container of `s2i/go`: no space left
    Attach 0: the engine failed to attach to a container of `s2i/go`: no space left
    Start 0: the engine failed to start a container of `s2i/go`: no space left
    Commit 0: the engine failed to commit the container `s2i_s2i_go_########`: no space left
    Tag 0: the engine failed to give the image the name `registry.test:5000/team/web:1`: no space left
    InspectImage 1: the engine failed to inspect the image `sha256:1111111111111111111111111111111111111111111111111111111111111111`: no space left
    Remove 0: ok
    "#);
}

#[tokio::test]
async fn calls_cut_before_they_are_done_leave_nothing_behind() {
    assert_snapshot!(table(Fault::CutBefore).await, @r#"
    Pull 0: can't pull the image `s2i/go`: client error (SendRequest): connection closed before message completed
    InspectImage 0: the engine failed to inspect the image `s2i/go`: client error (SendRequest): connection closed before message completed
    Version 0: no container engine answers at unix://SOCKET (from the test): client error (SendRequest): connection closed before message completed
    Create 0: the engine failed to create a container of `s2i/go`: client error (SendRequest): connection closed before message completed
    Archive 0: the engine failed to put the agent into a container of `s2i/go`: client error (SendRequest): connection closed before message completed
    Attach 0: the engine failed to attach to a container of `s2i/go`: client error (SendRequest): connection closed before message completed
    Start 0: the engine failed to start a container of `s2i/go`: client error (SendRequest): connection closed before message completed
    Commit 0: the engine failed to commit the container `s2i_s2i_go_########`: client error (SendRequest): connection closed before message completed
    Tag 0: the engine failed to give the image the name `registry.test:5000/team/web:1`: client error (SendRequest): connection closed before message completed
    InspectImage 1: the engine failed to inspect the image `sha256:1111111111111111111111111111111111111111111111111111111111111111`: client error (SendRequest): connection closed before message completed
    Remove 0: ok | cleanup: the engine failed to remove the container `s2i_s2i_go_########`: client error (SendRequest): connection closed before message completed
    "#);
}

#[tokio::test]
async fn calls_cut_in_their_answer_leave_nothing_behind() {
    assert_snapshot!(table(Fault::CutAfter).await, @r#"
    Pull 0: can't pull the image `s2i/go`: error reading a body from connection
    InspectImage 0: the engine failed to inspect the image `s2i/go`: error reading a body from connection: unexpected EOF during chunk size line
    Version 0: no container engine answers at unix://SOCKET (from the test): error reading a body from connection: unexpected EOF during chunk size line
    Create 0: the engine failed to create a container of `s2i/go`: error reading a body from connection: unexpected EOF during chunk size line
    Archive 0: ok
    Attach 0: the container of `s2i/go` ended before its work was done: the connection to the container ended
    Start 0: ok
    Commit 0: the engine failed to commit the container `s2i_s2i_go_########`: error reading a body from connection: unexpected EOF during chunk size line
    Tag 0: ok
    InspectImage 1: the engine failed to inspect the image `sha256:1111111111111111111111111111111111111111111111111111111111111111`: error reading a body from connection: unexpected EOF during chunk size line
    Remove 0: ok
    "#);
}

/// Every status that engines give is an error with the engine's own words.
#[tokio::test]
async fn other_statuses_are_errors() {
    for (endpoint, nth) in CALLS {
        for status in [400, 401, 403, 404, 409, 503] {
            let tolerated = match endpoint {
                Endpoint::InspectImage if nth == 0 => status == 404,
                // Tried again until it is gone.
                Endpoint::Remove => matches!(status, 404 | 409),
                _ => false,
            };
            if tolerated {
                continue;
            }
            let line = fault(
                endpoint,
                nth,
                Fault::Status(status, "it does not like that"),
            )
            .await;
            assert!(
                line.contains("it does not like that"),
                "{endpoint:?} {status}: {line}"
            );
        }
    }
}

/// When the build fails and the container stays, the first error is text and the rest as a warning.
#[tokio::test]
async fn leftover_container_is_reported() {
    let scene = Scene::new(Knobs {
        fault: Some((Endpoint::Remove, 0, Fault::Status(403, "device is busy"))),
        conduct: Some((Step::Hello, Conduct::Dies("no such file"))),
        ..Knobs::default()
    });
    let err = scene.run().await.map(drop).unwrap_err();
    assert!(matches!(err, EngineError::Lost { .. }), "{err:?}");
    let warnings = scene.recorder.warnings();
    assert!(
        warnings.contains("the engine failed to remove the container"),
        "{warnings}"
    );
    assert!(warnings.contains("device is busy"), "{warnings}");
}

#[tokio::test]
async fn unreachable_engine_is_an_error() {
    let scene = Scene::new(Knobs::default());
    std::fs::remove_file(scene.daemon.socket()).unwrap();
    let err = scene.engine.probe().await.unwrap_err();
    assert!(matches!(err, EngineError::Unreachable { .. }), "{err:?}");
    let (err, _) = scene.build().await;
    assert!(
        matches!(err, Err(EngineError::Unreachable { .. })),
        "{err:?}"
    );
}

#[tokio::test]
async fn failed_load_is_reported() {
    for (knobs, expected) in [
        (
            Knobs {
                fault: Some((Endpoint::Load, 0, Fault::Status(500, "invalid archive"))),
                ..Knobs::default()
            },
            "the engine failed to load `the archive`: invalid archive",
        ),
        (
            Knobs {
                load: vec![
                    "{\"errorDetail\":{\"message\":\"no space\"},\"error\":\"no space\"}\r\n",
                ],
                ..Knobs::default()
            },
            "the engine failed to load `the archive`: no space",
        ),
    ] {
        let scene = Scene::new(knobs);
        let err = scene
            .engine
            .load(archive(&[("manifest.json", b"[]")]), &scene.cancel)
            .await
            .unwrap_err();
        assert_eq!(chain(&err), expected);
    }
}

#[tokio::test]
async fn an_archive_that_breaks_fails_its_load() {
    let scene = Scene::new(Knobs::default());
    let broken = futures_util::stream::iter([
        Ok(bytes::Bytes::from_static(b"half")),
        Err(std::io::Error::other("the disk went away")),
    ]);
    let err = scene
        .engine
        .load(broken.boxed(), &scene.cancel)
        .await
        .unwrap_err();
    let text = chain(&err);
    assert!(
        text.starts_with("the engine failed to load `the archive`: "),
        "{text}"
    );
    assert!(text.contains("the disk went away"), "{text}");
}

/// Podman is asked for the container's labels before it commits.
#[tokio::test]
async fn uninspectable_container_is_not_committed() {
    let scene = Scene::new(Knobs {
        answers: Answers::Podman,
        fault: Some((Endpoint::InspectContainer, 0, Fault::Status(500, "busy"))),
        ..Knobs::default()
    });
    let (committed, cleaned) = scene.build().await;
    let text = outcome(&committed);
    assert!(
        text.starts_with("the engine failed to inspect the container `s2i_"),
        "{text}"
    );
    assert!(text.ends_with(": busy"), "{text}");
    cleaned.unwrap();
    scene.daemon.check();
    assert_eq!(scene.daemon.count(Endpoint::Commit), 0);
}
