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
async fn one_that_is_gone_already_is_fine() {
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
async fn one_that_goes_is_waited_for() {
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
async fn a_removal_that_is_forbidden_is_told() {
    let (scene, discarded) = discard(Knobs {
        fault: Some((Endpoint::Remove, 0, Fault::Status(403, "not yours"))),
        ..Knobs::default()
    })
    .await;
    let told = discarded.unwrap_err();
    assert!(
        told.starts_with("the engine failed to remove the container `s2i_"),
        "{told}"
    );
    assert!(told.ends_with(": not yours"), "{told}");
    assert_eq!(scene.daemon.containers(), 1);
}
