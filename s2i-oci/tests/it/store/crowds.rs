//! Many threads and processes that use one store at once.

use std::{
    env,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use s2i_oci::store::{Store, StoreError};

use super::scene::{Packing, Scene, archive, build, build_on, chain, composed, name, plain_layers};

const ROOT: &str = "S2I_TEST_STORE";
const MEMBER: &str = "S2I_TEST_MEMBER";

/// The number of rounds of each process or thread.
const ROUNDS: usize = 12;

/// The work of one process or thread: images of its own, common images, a name that all take from each other,
/// and the removal of images that it does not need any more.
fn take_part(store: &Store, member: &str) {
    let own = format!("own/{member}");
    for round in 0..ROUNDS {
        let base = build(store, &format!("common {}", round % 3), Some("everyones"));
        let content = format!("{member} {round}");
        match build_on(store, Some(&base), &content, Some(&own)) {
            Ok(image) => {
                let found = store.find(&name(&own)).unwrap();
                assert_eq!(found.unwrap().id(), image.id());
                store.tag(&image, &name("everyones")).unwrap();
            }
            // Its base lost its name, and went, before it was protected.
            Err(StoreError::Gone(_)) => {}
            Err(err) => panic!("{}", chain(&err)),
        }
        look(store, "everyones");
        look(store, &own);
        if round % 4 == 3 {
            store.untag(&name("everyones")).unwrap();
        }
    }
    build(store, member, Some(&own));
}

/// Checks that a named image exists, and that it stays while it is protected.
fn look(store: &Store, text: &str) {
    let Some(image) = store.find(&name(text)).unwrap() else {
        return;
    };
    let work = match store.work(&[&image]) {
        Err(StoreError::Gone(_)) => return,
        work => work.unwrap(),
    };
    let trees = store.trees(&image, &|_| {}).unwrap();
    for tree in &trees {
        assert!(tree.join("file").exists());
    }
    plain_layers(store, &image);
    thread::yield_now();
    assert!(trees.iter().all(|tree| tree.join("file").exists()));
    drop(work);
}

/// A process of its own that takes part.
fn process(root: &Path, member: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "store::crowds::member", "--nocapture"])
        .env(ROOT, root)
        .env(MEMBER, member)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// The child process of [`process`].
#[test]
fn member() {
    let (Ok(root), Ok(member)) = (env::var(ROOT), env::var(MEMBER)) else {
        return;
    };
    take_part(&Store::open(root.as_ref()).unwrap(), &member);
}

#[test]
fn concurrent_processes_lose_nothing() {
    let scene = Scene::new();
    let store = &scene.store;
    let kept = build(store, "kept", Some("kept"));
    let unnamed = build(store, "unnamed", None);
    let images = [composed(
        scene.temp.path(),
        &[("x", Packing::Gzip)],
        &["imported"],
    )];
    let archive = archive(&images);
    let is_over = AtomicBool::new(false);
    let processes = [1, 2].map(|n| process(store.root(), &format!("process{n}")));
    thread::scope(|scope| {
        let collector = scope.spawn(|| {
            let mut rounds = 0;
            while !is_over.load(Ordering::Relaxed) {
                store.collect().unwrap();
                // Opening it removes leftovers.
                let store = Store::open(store.root()).unwrap();
                for image in store.list().unwrap() {
                    assert!(!image.config().rootfs.diff_ids.is_empty());
                }
                rounds += 1;
            }
            rounds
        });
        let importer = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                store.import(&mut archive.as_slice()).unwrap();
                store.untag(&name("imported")).unwrap();
            }
        });
        let threads =
            ["thread1", "thread2"].map(|member| scope.spawn(move || take_part(store, member)));
        let joined = threads.map(thread::ScopedJoinHandle::join);
        let ended = processes.map(|mut process| process.wait());
        is_over.store(true, Ordering::Relaxed);
        assert!(joined.iter().all(Result::is_ok));
        assert!(
            ended
                .iter()
                .all(|status| status.as_ref().unwrap().success())
        );
        importer.join().unwrap();
        assert!(collector.join().unwrap() > 3);
    });
    for member in ["process1", "process2", "thread1", "thread2"] {
        let image = store
            .find(&name(&format!("own/{member}")))
            .unwrap()
            .unwrap();
        plain_layers(store, &image);
    }
    for image in [kept, unnamed] {
        assert_eq!(store.find_id(image.id()).unwrap(), Some(image.clone()));
        plain_layers(store, &image);
    }
    assert_eq!(scene.names("work").len(), 0);
}

#[test]
fn same_image_can_be_built_concurrently() {
    let scene = Scene::new();
    let images: Vec<_> = thread::scope(|scope| {
        let threads = [(); 8].map(|()| scope.spawn(|| build(&scene.store, "same", Some("same"))));
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(images.iter().all(|image| *image == images[0]));
    assert_eq!(scene.names("layers").len(), 1);
    assert_eq!(scene.names("blobs/sha256").len(), 2);
    assert_eq!(scene.names("work").len(), 0);
    plain_layers(&scene.store, &images[0]);
}

#[test]
fn killed_processes_leave_the_store_consistent() {
    let scene = Scene::new();
    let store = &scene.store;
    let kept = build(store, "kept", Some("kept"));
    for delay in 0..12 {
        let mut victims = [1, 2].map(|n| process(store.root(), &format!("{delay}victim{n}")));
        // They are at work when the first one has made something.
        let first = name(&format!("own/{delay}victim1"));
        while store.find(&first).unwrap().is_none() {
            assert!(victims[0].try_wait().unwrap().is_none(), "it ended");
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(5 * delay));
        for victim in &mut victims {
            victim.kill().unwrap();
            victim.wait().unwrap();
        }
        let store = Store::open(store.root()).unwrap();
        assert_eq!(scene.names("work").len(), 0);
        for image in store.list().unwrap() {
            plain_layers(&store, &image);
        }
        store.collect().unwrap();
        assert_eq!(store.find(&name("kept")).unwrap().as_ref(), Some(&kept));
    }
}
