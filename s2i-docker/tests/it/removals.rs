//! The ways in which a container goes away.

use crate::{
    daemon::{Endpoint, Fault, Knobs, Removal},
    scene::{Scene, chain},
};

async fn discard(knobs: Knobs) -> (Scene, Result<(), String>) {
    let scene = Scene::new(knobs);
    let finished = scene.run().await.unwrap();
    let discarded = finished.discard().await.map_err(|err| chain(&err));
    (scene, discarded)
}

#[tokio::test]
async fn missing_container_counts_as_removed() {
    let removal = Removal::Missing;
    let (scene, discarded) = discard(Knobs {
        removal,
        ..Knobs::default()
    })
    .await;
    assert_eq!(discarded, Ok(()));
    scene.daemon.check();
    assert_eq!(scene.daemon.count(Endpoint::Remove), 1);
}

#[tokio::test]
async fn removal_in_progress_is_awaited() {
    let removal = Removal::Underway(3);
    let (scene, discarded) = discard(Knobs {
        removal,
        ..Knobs::default()
    })
    .await;
    assert_eq!(discarded, Ok(()));
    scene.daemon.check();
    assert_eq!(scene.daemon.count(Endpoint::Remove), 4);
}

/// Engines are busy for a moment when a container ends while it is removed.
#[tokio::test]
async fn a_removal_that_fails_once_is_tried_again() {
    let (scene, discarded) = discard(Knobs {
        fault: Some((Endpoint::Remove, 0, Fault::Status(500, "device is busy"))),
        ..Knobs::default()
    })
    .await;
    assert_eq!(discarded, Ok(()));
    scene.daemon.check();
}

#[tokio::test]
async fn forbidden_removal_is_reported() {
    let (scene, discarded) = discard(Knobs {
        fault: Some((Endpoint::Remove, 0, Fault::Status(403, "not yours"))),
        ..Knobs::default()
    })
    .await;
    let text = discarded.unwrap_err();
    assert!(
        text.starts_with("the engine failed to remove the container `s2i_"),
        "{text}"
    );
    assert!(text.ends_with(": not yours"), "{text}");
    assert_eq!(scene.daemon.containers(), 1);
}
