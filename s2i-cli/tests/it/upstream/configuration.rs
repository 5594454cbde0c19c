//! Section 15 of the contract: `--use-config` and its file.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::Value;

use super::{NO_ENGINE, check_failed};
use crate::scene::Scene;

fn scene() -> Scene {
    let scene = Scene::new();
    scene.write("app/file", "text");
    scene.write("secret/file", "text");
    scene
}

fn saved(scene: &Scene) -> Value {
    serde_json::from_str(&scene.read(".s2ifile")).unwrap()
}

#[test]
fn build_is_saved_before_the_engine_is_asked() {
    let scene = scene();
    let line = [
        "build",
        "app",
        "s2i/builder",
        "web",
        "-c",
        "-e",
        "A=b",
        "-e",
        "C=d",
    ];
    scene
        .s2i(&[&line[..], &["--use-config"]].concat())
        .ends_with(NO_ENGINE);
    let saved = saved(&scene);
    assert_eq!(saved["source"], "app");
    assert_eq!(saved["builderImage"], "s2i/builder");
    assert_eq!(saved["tag"], "web");
    let flags = &saved["flags"];
    assert_eq!(flags["copy"], "true");
    assert_eq!(
        (&flags["env-0"], &flags["env-1"]),
        (&"A=b".into(), &"C=d".into())
    );
    // The names are enough from now on, and what is given counts more.
    scene.s2i(&["build", "--use-config"]).ends_with(NO_ENGINE);
    let line = ["build", "app", "s2i/builder", "other", "--use-config"];
    scene.s2i(&line).ends_with(NO_ENGINE);
    assert_eq!(self::saved(&scene)["tag"], "other");
}

/// B-36: values may be secrets, so that the file is its owner's alone.
#[test]
fn saved_build_is_private() {
    let scene = scene();
    let line = [
        "build",
        "app",
        "s2i/builder",
        "web",
        "-e",
        "A=b",
        "--use-config",
    ];
    scene.s2i(&line).ends_with(NO_ENGINE);
    let mode = fs::metadata(scene.path(".s2ifile"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

/// B-32: lists are the same after any number of rounds.
#[test]
fn lists_survive_being_saved() {
    let scene = scene();
    let line = [
        "build",
        "app",
        "s2i/builder",
        "web",
        "--use-config",
        "--cap-drop",
        "KILL,MKNOD",
        "--inject",
        "secret:/tmp;secret:here",
        "--inject",
        "secret:there",
    ];
    scene.s2i(&line).ends_with(NO_ENGINE);
    let first = saved(&scene);
    for _ in 0..2 {
        scene.s2i(&["build", "--use-config"]).ends_with(NO_ENGINE);
        assert_eq!(saved(&scene), first);
    }
}

/// The file may have the old name, and be of another version. B-31: an unknown option in it is no crash.
#[test]
fn saved_build_of_the_go_tool_is_read() {
    let scene = scene();
    let text = r#"{"source":"app","builderImage":"s2i/builder","tag":"web",
        "flags":{"env":"A=b,C=d","incremental":"true","copy":"true"}}"#;
    scene.write(".stifile", text);
    scene
        .s2i(&["build", "--use-config"])
        .ends_with(NO_ENGINE)
        .warns(".stifile");
    fs::remove_file(scene.path(".stifile")).unwrap();
    let unknown = text.replace("incremental", "no-such-option");
    scene.write(".s2ifile", &unknown);
    let done = scene.s2i(&["build", "--use-config"]);
    check_failed(&done);
    done.warns("no-such-option");
}
