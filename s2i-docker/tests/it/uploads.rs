//! Archives on their way into a container.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use s2i_build::{EngineError, event::Event, stream::ArchiveStream};
use s2i_core::{
    EnvVar,
    wire::{Failure, FailureKind, MAX_PAYLOAD},
};

use crate::{
    daemon::{Conduct, Knobs, Step},
    scene::{Scene, archive, chain, program},
};

const MIB: u64 = 1 << 20;

/// How far the sender may be ahead of the agent: its buffer, one piece, and what sockets hold.
const AHEAD: u64 = 3 * MIB;

/// Pieces of one size; `look` sees how many bytes were taken.
fn pieces(count: u64, size: usize, look: impl Fn(u64) + Send + 'static) -> ArchiveStream<'static> {
    let piece = Bytes::from(vec![b'x'; size]);
    let taken = move |nth: u64| {
        look((nth + 1) * size as u64);
        Ok(piece.clone())
    };
    stream::iter(0..count).map(taken).boxed()
}

#[tokio::test]
async fn a_slow_agent_bounds_what_is_taken() {
    let scene = Scene::new(Knobs {
        slow: true,
        ..Knobs::default()
    });
    let most = Arc::new(AtomicU64::new(0));
    let (seen, daemon) = (most.clone(), scene.daemon.clone());
    let look = move |taken: u64| {
        seen.fetch_max(taken - daemon.unpacked(), Ordering::SeqCst);
    };
    let large = pieces(256, 256 * 1024, look);
    let finished = scene.run_program(&program(), large).await.unwrap();
    finished.discard().await.unwrap();
    assert_eq!(scene.daemon.unpacked(), 64 * MIB);
    let most = most.load(Ordering::SeqCst);
    assert!(most <= AHEAD, "{most} bytes were taken that were not read");
    assert!(most > 0);
    let uploaded = scene
        .recorder
        .events()
        .iter()
        .rev()
        .find_map(|event| match event {
            Event::TransferEnded(transfer) => Some(transfer.bytes),
            _ => None,
        });
    assert_eq!(uploaded, Some(64 * MIB));
    scene.daemon.check();
}

/// Both sides wait for each other unless the refusal is heard while the upload stands still.
#[tokio::test]
async fn refusal_arrives_during_an_upload() {
    let failure = Failure {
        kind: FailureKind::BadArchive,
        message: "it climbs".into(),
    };
    let scene = Scene::new(Knobs {
        conduct: Some((Step::Unpack, Conduct::StopsReading(failure.clone()))),
        ..Knobs::default()
    });
    let endless = stream::repeat_with(|| Ok(Bytes::from_static(&[0; 4096]))).boxed();
    let err = scene
        .run_program(&program(), endless)
        .await
        .map(drop)
        .unwrap_err();
    assert!(
        matches!(&err, EngineError::Container { failure: reported, .. } if *reported == failure),
        "{err:?}"
    );
    scene.daemon.check();
}

#[tokio::test]
async fn pieces_larger_than_a_frame_are_cut() {
    let scene = Scene::new(Knobs::default());
    let large = pieces(2, 2 * MAX_PAYLOAD + 1, |_| {});
    let finished = scene.run_program(&program(), large).await.unwrap();
    finished.discard().await.unwrap();
    assert_eq!(scene.daemon.unpacked(), 4 * MIB + 2);
    scene.daemon.check();
}

#[tokio::test]
async fn unreadable_source_names_its_directory() {
    let scene = Scene::new(Knobs::default());
    let broken = stream::iter([
        Ok(Bytes::from_static(&[0; 512])),
        Err(io::Error::other("the disk went away")),
    ]);
    let err = scene
        .run_program(&program(), broken.boxed())
        .await
        .map(drop)
        .unwrap_err();
    assert_eq!(
        chain(&err),
        "can't send `/tmp/src` into the container: the disk went away"
    );
    scene.daemon.check();
}

/// A request is one frame. One that does not fit is an error, not a wait for an answer.
#[tokio::test]
async fn an_environment_larger_than_a_frame_is_refused() {
    let scene = Scene::new(Knobs::default());
    let mut program = program();
    let value = "x".repeat(MAX_PAYLOAD);
    program.env.push(EnvVar::new("LARGE", &value).unwrap());
    let err = scene
        .run_program(&program, archive(&[]))
        .await
        .map(drop)
        .unwrap_err();
    let text = chain(&err);
    assert!(text.ends_with("a frame of more than 1 MiB"), "{text}");
    scene.daemon.check();
}
