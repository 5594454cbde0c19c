//! Long work that is ended from outside, at every moment at which it can be.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use s2i_oci::{
    Digest,
    manifest::{Descriptor, LAYER_GZIP},
    store::{Store, StoreError},
};

use super::scene::{Packing, Scene, archive, build_on, chain, composed, is_skipped, name, trees};

/// The same store, whose work ends after so many checks.
fn stopping(store: &Store, after: usize) -> Store {
    let left = AtomicUsize::new(after);
    store.checked(move || {
        let counted = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        });
        counted.map_or_else(|_| Err(io::Error::other("stopped")), |_| Ok(()))
    })
}

/// Does the work with one more check each time, until it succeeds; returns how often it was ended.
fn stop_everywhere(scene: &Scene, work: impl Fn(&Store) -> Result<(), StoreError>) -> usize {
    for after in 0.. {
        match work(&stopping(&scene.store, after)) {
            Ok(()) => return after,
            Err(err) => {
                let chain = chain(&err);
                assert!(chain.ends_with("stopped"), "{chain}");
                assert!(scene.names("work").is_empty(), "left after {after} checks");
            }
        }
    }
    unreachable!("it succeeds at some time")
}

#[test]
fn stopped_import_leaves_nothing() {
    let scene = Scene::new();
    let layers = [("one", Packing::Gzip), ("two", Packing::Plain)];
    let archive = archive(&[composed(scene.temp.path(), &layers, &["app"])]);
    let stopped = stop_everywhere(&scene, |store| {
        assert!(scene.store.list().unwrap().is_empty());
        store.import(&mut archive.as_slice()).map(drop)
    });
    assert!(stopped > 3, "{stopped}");
    assert!(scene.store.find(&name("app")).unwrap().is_some());
}

#[test]
fn stopped_unpacking_leaves_no_incomplete_layer() {
    if is_skipped() {
        return;
    }
    let scene = Scene::new();
    let layers = [("one", Packing::Gzip), ("two", Packing::Plain)];
    let archive = archive(&[composed(scene.temp.path(), &layers, &["app"])]);
    scene.store.import(&mut archive.as_slice()).unwrap();
    let image = scene.store.find(&name("app")).unwrap().unwrap();
    let stopped = stop_everywhere(&scene, |store| store.trees(&image, &|_| {}).map(drop));
    assert!(stopped >= 2, "{stopped}");
    assert_eq!(trees(&scene.store, &image).len(), 2);
}

#[test]
fn failed_check_ends_committing_and_writing_a_layer() {
    if is_skipped() {
        return;
    }
    let scene = Scene::new();
    let stopped = stop_everywhere(&scene, |store| {
        build_on(store, None, "content", Some("app")).map(drop)
    });
    assert!(stopped > 0, "{stopped}");
    let image = scene.store.find(&name("app")).unwrap().unwrap();
    let layer = image.layers().next().unwrap();
    let stopped = stop_everywhere(&scene, |store| store.write_layer(&layer, &mut io::sink()));
    assert!(stopped > 0, "{stopped}");
}

#[test]
fn failed_check_ends_waiting_for_a_download() {
    let scene = Scene::new();
    let blob = Descriptor {
        digest: Digest::of(b"layer"),
        ..Descriptor::of(LAYER_GZIP, b"other")
    };
    let work = scene.store.work(&[]).unwrap();
    let held = scene.store.partial(&work, &blob).unwrap().unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let other = scene.store.checked(move || {
        if over.load(Ordering::Relaxed) {
            return Err(io::Error::other("stopped"));
        }
        Ok(())
    });
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let work = other.work(&[]).unwrap();
            other.partial(&work, &blob).map(drop)
        });
        thread::sleep(Duration::from_millis(100));
        assert!(!waiting.is_finished());
        is_over.store(true, Ordering::Relaxed);
        let err = waiting.join().unwrap().unwrap_err();
        assert!(chain(&err).ends_with("stopped"), "{err:?}");
    });
    drop(held);
}
