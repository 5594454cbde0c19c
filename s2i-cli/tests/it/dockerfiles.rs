//! `s2i build --as-dockerfile`.

use std::fs;

use crate::scene::{Done, Scene};

fn build(scene: &Scene, file: &str) -> Done {
    scene.s2i(&["build", "app", "s2i/go", "web", "--as-dockerfile", file])
}

#[test]
fn dockerfile_and_source_are_written_without_an_engine() {
    let scene = Scene::new();
    let done = build(&scene, "out/").ends_with(0);
    assert_eq!(done.stdout, "DIR/out/Dockerfile\n");
    let dockerfile = scene.read("out/Dockerfile");
    for line in [
        "FROM s2i/go\n",
        "\nUSER 1001\n",
        " /usr/libexec/s2i/assemble && ",
        "\nCMD [\"/usr/libexec/s2i/run\"]\n",
    ] {
        assert!(dockerfile.contains(line), "{dockerfile}");
    }
    assert_eq!(scene.names("out/upload/src"), [".s2iignore", "main.go"]);
    assert_eq!(scene.names("."), ["app", "out", "tmp"]);
}

/// The directory of the context may lie in the source; what is written there is not part of it.
#[test]
fn dockerfile_may_lie_in_the_source() {
    let scene = Scene::new();
    for dir in ["app", "app/deploy/s2i"] {
        build(&scene, &format!("{dir}/Dockerfile")).ends_with(0);
        let source = scene.path(dir).join("upload/src");
        assert_eq!(fs::read(source.join("main.go")).unwrap(), b"package main");
        assert!(!source.join("upload").exists() && !source.join("deploy").exists());
        fs::remove_dir_all(scene.path(dir).join("upload")).unwrap();
    }
}

#[test]
fn source_that_was_written_before_is_not_mixed_with_another() {
    let scene = Scene::new();
    scene.write("out/upload/src/old", "");
    build(&scene, "out/Dockerfile")
        .ends_with(2)
        .warns("upload/src`, which exists")
        .warns("hint: remove it");
    assert!(!scene.path("out/Dockerfile").exists());
}

#[test]
fn builds_that_a_dockerfile_can_not_express_write_nothing() {
    let scene = Scene::new();
    scene.write("app/.s2i/bin/run", "#!/bin/sh\n");
    build(&scene, "out/Dockerfile")
        .ends_with(18)
        .warns("a Dockerfile can't copy scripts run yet");
    assert!(!scene.path("out").exists());
}
