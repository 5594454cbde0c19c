//! The state that a killed `s2i` leaves behind.

use std::{
    fs,
    io::Read as _,
    net::{TcpListener, TcpStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{
    engine::{GOING, Layer},
    harness::{Live, live, live_native_alone, names_in, skip},
    process::{Done, Running},
    repository::Repository,
};

/// The phases of a build, as they are shown.
const PHASES: [&str; 7] = [
    "source", "images", "start", "upload", "assemble", "clean", "commit",
];

/// A source that takes a moment in every phase.
fn repository(live: &Live) -> String {
    let root = live.source(&[(
        "instructions",
        "copy /app\nsleep 0.2\nmake-artifacts 500 1000",
    )]);
    for number in 0..500 {
        fs::write(root.join(format!("file-{number}")), vec![b'x'; 4096]).unwrap();
    }
    Repository::of(&root);
    root.to_str().unwrap().to_owned()
}

/// The built layer without the entries that Podman dates with the time of the build.
fn layer(live: &Live) -> Layer {
    let mut layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    layer.retain(|name, _| name.starts_with("app/"));
    layer
}

/// A build from Git, after which nothing of any other one is left.
fn build(live: &Live, source: &str) -> Done {
    let done = live.build(&["--no-cache"], source).succeeds();
    assert_eq!(names_in(&live.path("tmp")), [""; 0]);
    done
}

#[test]
fn build_after_a_kill_succeeds_and_leaves_nothing() {
    let Some(live) = live() else { return };
    let source = repository(&live);
    build(&live, &source);
    let expected = layer(&live);
    for phase in PHASES {
        if matches!(phase, "start" | "commit") && !live.engine.is_native() {
            skip("a daemon finishes its current operation, and the result stays");
            continue;
        }
        let running = live.start_build(&["--no-cache"], &source);
        running.wait_for(&format!("==> {phase}"));
        running.signal(Signal::KILL);
        running.finish();
        live.wait_until_no_container();
        build(&live, &source);
        assert!(
            layer(&live) == expected,
            "another layer after a kill in {phase}"
        );
    }
}

fn accept(listener: &TcpListener, running: &Running) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let start = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => return stream,
            Err(_) if start.elapsed() < GOING => thread::sleep(Duration::from_millis(10)),
            Err(err) => panic!("{err}: {}", running.output()),
        }
    }
}

#[test]
fn git_ends_with_s2i() {
    let Some(live) = live() else { return };
    // A server that sends nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let source = format!("git://{}/app", listener.local_addr().unwrap());
    let running = live.start_build(&[], &source);
    let mut git = accept(&listener, &running);
    running.signal(Signal::KILL);
    running.finish();
    git.set_read_timeout(Some(GOING)).unwrap();
    git.read_to_end(&mut Vec::new()).unwrap();
    build(&live, &repository(&live));
}

#[test]
fn concurrent_builds_and_a_prune_lose_nothing() {
    let Some(live) = live_native_alone("a prune of a daemon would take what other tests work with")
    else {
        return;
    };
    let source = repository(&live);
    build(&live, &source);
    let expected = layer(&live);
    for _ in 0..3 {
        let builds: Vec<_> = (0..3)
            .map(|_| live.spawn(live.build_args(live.builder(), &["--no-cache"], source.as_ref())))
            .collect();
        for _ in 0..10 {
            live.s2i(["prune"]).succeeds();
        }
        for build in builds {
            build.finish().succeeds();
        }
        assert!(layer(&live) == expected);
        live.s2i(["run", &live.image("app")])
            .succeeds()
            .says("run ended");
    }
}

/// A file system of few megabytes, until it is dropped.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let flags = rustix::mount::MountFlags::empty();
        let mounted = rustix::mount::mount("tmpfs", at, "tmpfs", flags, c"size=24m");
        mounted.is_ok().then_some(Self(at))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        rustix::mount::unmount(self.0, rustix::mount::UnmountFlags::DETACH).unwrap();
    }
}

#[test]
fn full_disk_ends_the_build_and_loses_nothing() {
    let Some(live) = live() else { return };
    let at = live.path("small");
    let small = Small::mount(&at);
    let (true, Some(_small)) = (live.engine.is_native(), small) else {
        return skip("it needs the embedded engine, and root to make a small file system");
    };
    live.engine.give(&at);
    let store = at.join("store");
    let s2i = |args: &[&str]| {
        let mut command = live.command();
        command.args(["--engine", "native", "--store"]).arg(&store);
        crate::process::Running::start(command.args(args)).finish()
    };
    let archive = live.path("builder.tar");
    let archive = archive.to_str().unwrap();
    live.s2i(["export", live.builder(), "-o", archive])
        .succeeds();
    s2i(&["load", "-i", archive]).succeeds();
    let build = |lines: &str| {
        let source = live.instructions(lines);
        let source = source.to_str().unwrap();
        s2i(&[
            "build",
            "--copy",
            "--network",
            "none",
            source,
            live.builder(),
            "app",
        ])
    };
    build("write /app/one text").succeeds();
    // While it is written, and when little is left for the rest.
    build("make-artifacts 400 100000")
        .ends_with(4)
        .says("No space left");
    assert_eq!(names_in(&store.join("work")), [""; 0]);
    s2i(&["run", "app"]).succeeds().says("run ended");
    build("write /app/two text").succeeds();
    assert_eq!(names_in(&store.join("work")), [""; 0]);
}
