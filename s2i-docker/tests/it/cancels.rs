//! A build that is stopped, at every moment.

use futures_util::{StreamExt as _, future, stream};
use s2i_build::{
    CancelToken, EngineError, Interrupt, ports::ImageTransfer as _, request::PullPolicy,
    stream::ArchiveStream,
};

use crate::{
    daemon::{Cancel, Conduct, Daemon, Endpoint, Fault, Knobs, MADE, Moment, Step},
    scene::{Scene, archive, outcome},
};

fn knobs(at: Moment, hangs: bool) -> Knobs {
    let token = CancelToken::default();
    Knobs {
        cancel: Some(Cancel { at, token, hangs }),
        ..Knobs::default()
    }
}

async fn is_interrupted(at: Moment, hangs: bool) -> Daemon {
    let scene = Scene::new(knobs(at, hangs));
    let (committed, cleaned) = scene.build().await;
    assert!(
        matches!(
            committed,
            Err(EngineError::Interrupted(Interrupt::Interrupted))
        ),
        "{at:?}: {}",
        outcome(&committed)
    );
    cleaned.unwrap();
    scene.daemon.check();
    assert!(
        !scene.daemon.model().images.contains(MADE),
        "{at:?}: the image is left"
    );
    assert_eq!(scene.recorder.warnings(), "");
    scene.daemon.clone()
}

/// Even when the engine or the agent never answers.
#[tokio::test]
async fn every_wait_can_be_cancelled() {
    for at in [
        Moment::Call(Endpoint::Pull, 0),
        Moment::Call(Endpoint::InspectImage, 0),
        Moment::Call(Endpoint::Version, 0),
        Moment::Call(Endpoint::Archive, 0),
        Moment::Call(Endpoint::Attach, 0),
        Moment::Call(Endpoint::Start, 0),
        Moment::Agent(Step::Hello),
        Moment::Agent(Step::Identify),
        Moment::Agent(Step::Unpack),
        Moment::Agent(Step::Exec),
        Moment::Agent(Step::Finish),
    ] {
        is_interrupted(at, true).await;
    }
}

/// These are waited for, because their outcome would not be known otherwise.
#[tokio::test]
async fn begun_operations_are_undone() {
    let daemon = is_interrupted(Moment::Call(Endpoint::Create, 0), false).await;
    assert_eq!(
        (
            daemon.count(Endpoint::Start),
            daemon.count(Endpoint::Remove)
        ),
        (0, 1)
    );
    let daemon = is_interrupted(Moment::Call(Endpoint::Commit, 0), false).await;
    assert_eq!(
        (
            daemon.count(Endpoint::Tag),
            daemon.count(Endpoint::RemoveImage)
        ),
        (0, 1)
    );
}

#[tokio::test]
async fn leftover_image_is_reported() {
    let scene = Scene::new(Knobs {
        fault: Some((Endpoint::RemoveImage, 0, Fault::Status(409, "it is in use"))),
        ..knobs(Moment::Call(Endpoint::Commit, 0), false)
    });
    let (committed, cleaned) = scene.build().await;
    cleaned.unwrap();
    assert!(
        matches!(committed, Err(EngineError::Interrupted(_))),
        "{}",
        outcome(&committed)
    );
    let warnings = scene.recorder.warnings();
    assert!(warnings.contains("it is in use"), "{warnings}");
}

#[tokio::test]
async fn a_stopped_build_does_not_begin() {
    let scene = Scene::new(Knobs::default());
    scene.cancel.cancel(Interrupt::Terminated);
    let err = scene.resolve(PullPolicy::Always).await.unwrap_err();
    assert!(matches!(
        err,
        EngineError::Interrupted(Interrupt::Terminated)
    ));
    let err = scene.run().await.map(drop).unwrap_err();
    assert!(matches!(
        err,
        EngineError::Interrupted(Interrupt::Terminated)
    ));
    scene.daemon.check();
    assert_eq!(scene.daemon.count(Endpoint::Start), 0);
}

/// Loads this archive and cancels when the daemon has all of it.
async fn load(
    archive: ArchiveStream<'static>,
    knobs: Knobs,
) -> (Scene, Result<Vec<String>, EngineError>) {
    let scene = Scene::new(knobs);
    let loaded = scene.engine.load(archive, &scene.cancel).await;
    (scene, loaded)
}

#[tokio::test]
async fn an_archive_that_the_engine_has_is_loaded_to_the_end() {
    let knobs = knobs(Moment::Call(Endpoint::Load, 0), false);
    let (scene, loaded) = load(archive(&[("manifest.json", b"[]")]), knobs).await;
    assert_eq!(loaded.unwrap(), ["s2i/go:latest"]);
    assert_eq!(scene.cancel.reason(), Some(Interrupt::Interrupted));
    assert_eq!(scene.cancel.resources().list(), []);
}

/// Podman answers a bad archive with an error only when it has looked at all of it.
#[tokio::test]
async fn interrupted_load_of_a_bad_archive_is_an_interrupt() {
    let knobs = Knobs {
        load: vec!["{\"errorDetail\":{\"message\":\"bad\"},\"error\":\"bad\"}\r\n"],
        ..knobs(Moment::Call(Endpoint::Load, 0), false)
    };
    let (scene, loaded) = load(archive(&[("manifest.json", b"[]")]), knobs).await;
    let err = loaded.unwrap_err();
    assert!(matches!(err, EngineError::Interrupted(_)), "{err:?}");
    assert_eq!(scene.cancel.resources().list(), []);
}

#[tokio::test]
async fn endless_archive_is_abandoned_on_cancel() {
    let scene = Scene::new(Knobs::default());
    let cancel = scene.cancel.clone();
    let pieces = archive(&[("manifest.json", b"[]")]);
    let endless = pieces.chain(stream::once(async move {
        cancel.cancel(Interrupt::HungUp);
        future::pending().await
    }));
    let loaded = scene.engine.load(endless.boxed(), &scene.cancel).await;
    let err = loaded.unwrap_err();
    assert!(
        matches!(err, EngineError::Interrupted(Interrupt::HungUp)),
        "{err:?}"
    );
    assert_eq!(scene.cancel.resources().list(), []);
}

/// The executor drops a run whose agent has stopped to listen.
#[tokio::test]
async fn a_cut_connection_ends_a_run_without_waiting() {
    let scene = Scene::new(Knobs {
        conduct: Some((Step::Finish, Conduct::Dies("killed"))),
        ..Knobs::default()
    });
    let mut finished = scene.run().await.unwrap();
    let err = scene.commit(&mut finished).await.unwrap_err();
    assert!(matches!(err, EngineError::Lost { .. }), "{err:?}");
    finished.discard().await.unwrap();
    scene.daemon.check();
}
