//! The content of layers: only the files of assemble, with the times of the source.

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt as _};

use tar::EntryType;

use crate::{
    engine::Layer,
    harness::{SOURCE_TIME, live, set_time},
};

const MAKE_THINGS: &str = "make-dir /app/dir\n\
    write /app/dir/file text\n\
    write /app/private secret\n\
    mode /app/private 0600\n\
    write /app/program text\n\
    mode /app/program 4755\n\
    link /app/link dir/file\n\
    write /tmp/scratch text\n\
    remove /tmp/scratch\n";

/// The mount points that Podman creates in every container.
const PODMAN: [&str; 13] = [
    "dev",
    "etc",
    "etc/group",
    "etc/hostname",
    "etc/hosts",
    "etc/mtab",
    "etc/passwd",
    "etc/resolv.conf",
    "proc",
    "run",
    "run/.containerenv",
    "run/secrets",
    "sys",
];

/// Takes out of a layer what is the engine's own.
fn without_the_engines(mut layer: Layer, is_podman: bool) -> Layer {
    let is_engines = |name: &str| name.is_empty() || is_podman && PODMAN.contains(&name);
    layer.retain(|name, _| !is_engines(name));
    layer
}

#[test]
fn layer_has_only_the_files_of_assemble() {
    let Some(live) = live() else { return };
    live.build(&[], live.instructions(MAKE_THINGS)).succeeds();
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    let mut layer = without_the_engines(layer, live.engine.is_podman());
    // It is as it was: some engines notice that, some don't.
    if let Some(tmp) = layer.remove("tmp") {
        assert_eq!((tmp.mode, tmp.mtime), (0o1777, SOURCE_TIME));
    }
    let names: BTreeSet<_> = layer.keys().map(String::as_str).collect();
    let expected = [
        "app",
        "app/dir",
        "app/dir/file",
        "app/link",
        "app/private",
        "app/program",
    ];
    assert_eq!(names, expected.into());
    let mode = |name: &str| layer[name].mode;
    assert_eq!(mode("app/private"), 0o600);
    assert_eq!(mode("app/program"), 0o4755);
    assert_eq!(mode("app/dir/file"), 0o644);
    assert_eq!(layer["app/link"].kind, EntryType::Symlink);
    assert_eq!(layer["app/link"].target.as_deref(), Some("dir/file"));
    for (name, file) in &layer {
        assert_eq!(file.mtime, SOURCE_TIME, "{name}");
        assert_eq!((file.uid, file.gid), (1001, 0), "{name}");
    }
}

#[test]
fn same_source_gives_the_same_layers() {
    let Some(live) = live() else { return };
    let source = live.instructions(MAKE_THINGS);
    let is_podman = live.engine.is_podman();
    let built = || {
        live.build(&[], &source).succeeds();
        let image = live.engine.image(&live.image("app")).unwrap();
        let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
        let digests = image.root_fs.unwrap().layers.unwrap();
        (digests, without_the_engines(layer, is_podman))
    };
    let (first, second) = (built(), built());
    assert_eq!(first.1, second.1);
    assert_eq!(first.0.len(), 2);
    // The mount points of Podman have the current time.
    if !is_podman {
        assert_eq!(first.0, second.0);
    }
}

#[test]
fn no_file_is_later_than_the_epoch() {
    let Some(live) = live() else { return };
    let source = live.source(&[
        ("instructions", "copy /app"),
        ("old", "text"),
        ("new", "text"),
    ]);
    set_time(&source.join("old"), 7);
    let mut command = live.command();
    command
        .env("SOURCE_DATE_EPOCH", "1000000000")
        .args(live.engine.options())
        .args(live.build_args(live.builder(), &["--keep-source"], source.as_os_str()));
    crate::process::Running::start(&mut command)
        .finish()
        .succeeds();
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert_eq!(layer["app/instructions"].mtime, 1_000_000_000);
    assert_eq!(layer["app"].mtime, 1_000_000_000);
    assert_eq!(layer["tmp/src/new"].mtime, 1_000_000_000);
    assert_eq!(layer["tmp/src/old"].mtime, 7);
}

/// A server or a browser that has the page of the build before has to notice the change.
#[test]
fn changed_page_has_another_time() {
    let Some(live) = live() else { return };
    let source = live.source(&[("instructions", "copy /app"), ("page", "text")]);
    let time = |page: &str, seconds: u64| {
        std::fs::write(source.join("page"), page).unwrap();
        set_time(&source.join("page"), seconds);
        live.build(&[], &source).succeeds();
        live.engine.last_layer(&live.image("app"), &live.path(""))["app/page"].mtime
    };
    assert_eq!(time("text", SOURCE_TIME), SOURCE_TIME);
    assert_eq!(time("next", SOURCE_TIME + 60), SOURCE_TIME + 60);
}

#[test]
fn image_has_the_time_of_the_commit() {
    let Some(live) = live() else { return };
    let source = live.instructions("copy /app\nshow-env SOURCE_DATE_EPOCH");
    crate::repository::Repository::of(&source);
    live.build(&[], &source)
        .succeeds()
        .says("SOURCE_DATE_EPOCH=Some(\"981173106\")");
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert_eq!(layer["app/instructions"].mtime, 981_173_106);
}

#[test]
fn modes_and_times_of_the_source_are_preserved() {
    let Some(live) = live() else { return };
    let source = live.source(&[("program", "text"), ("file", "text")]);
    let mode = |name: &str, mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(source.join(name), permissions).unwrap();
    };
    mode("program", 0o700);
    mode("file", 0o600);
    std::os::unix::fs::symlink("program", source.join("link")).unwrap();
    set_time(&source.join("file"), 1_234_567_890);
    live.build(&["--keep-source"], &source).succeeds();
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    for place in ["tmp/src", "app"] {
        let file = |name: &str| &layer[&format!("{place}/{name}")];
        assert_eq!(file("program").mode, 0o700, "{place}");
        assert_eq!(file("file").mode, 0o600, "{place}");
        assert_eq!(file("link").target.as_deref(), Some("program"), "{place}");
        assert_eq!((file("file").uid, file("file").gid), (1001, 0), "{place}");
    }
    assert_eq!(layer["tmp/src/file"].mtime, 1_234_567_890);
    // The copy is a new file.
    assert_eq!(layer["app/file"].mtime, SOURCE_TIME);
}
