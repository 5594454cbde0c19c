//! `s2i build --as-dockerfile`.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

/// A directory with a source, and the command in it, which finds no engine.
struct Scene(TempDir);

impl Scene {
    fn new() -> Self {
        let scene = Self(tempfile::tempdir().unwrap());
        scene.write("app/main.go", "package main");
        scene.write("app/secret.key", "key");
        scene.write("app/.s2iignore", "*.key\n");
        scene
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn build(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_s2i"));
        command.env_clear().env("HOME", self.0.path());
        command.env("DOCKER_HOST", "unix:///nothing/listens/here");
        command.current_dir(self.0.path()).arg("build").args(args);
        command.output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn dockerfile_and_source_are_written_without_an_engine() {
    let scene = Scene::new();
    let output = scene.build(&["app", "s2i/go", "web", "--as-dockerfile", "out/"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let file = scene.path("out/Dockerfile");
    assert_eq!(text(&output.stdout), format!("{}\n", file.display()));
    let dockerfile = scene.read("out/Dockerfile");
    for line in [
        "FROM s2i/go\n",
        "\nUSER 1001\n",
        " /usr/libexec/s2i/assemble && ",
        "\nCMD [\"/usr/libexec/s2i/run\"]\n",
    ] {
        assert!(dockerfile.contains(line), "{dockerfile}");
    }
    let names = |dir: &str| {
        let entries = fs::read_dir(scene.path(dir)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("out/upload/src"), [".s2iignore", "main.go"]);
    assert_eq!(names("."), ["app", "out"]);
}

/// The directory of the context may lie in the source; what is written there is not part of it.
#[test]
fn dockerfile_may_lie_in_the_source() {
    let scene = Scene::new();
    for dir in ["app", "app/deploy/s2i"] {
        let file = format!("{dir}/Dockerfile");
        let output = scene.build(&["app", "s2i/go", "web", "--as-dockerfile", &file]);
        assert!(output.status.success(), "{}", text(&output.stderr));
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
    let output = scene.build(&["app", "s2i/go", "web", "--as-dockerfile", "out/Dockerfile"]);
    assert_eq!(output.status.code(), Some(2));
    let errors = text(&output.stderr);
    assert!(
        errors.contains("upload/src`, which exists") && errors.contains("hint: remove it"),
        "{errors}"
    );
    assert!(!Path::new(&scene.path("out/Dockerfile")).exists());
}

#[test]
fn builds_that_a_dockerfile_can_not_express_write_nothing() {
    let scene = Scene::new();
    scene.write("app/.s2i/bin/run", "#!/bin/sh\n");
    let output = scene.build(&["app", "s2i/go", "web", "--as-dockerfile", "out/Dockerfile"]);
    assert_eq!(output.status.code(), Some(18));
    let errors = text(&output.stderr);
    assert!(
        errors.contains("a Dockerfile can't copy scripts run yet"),
        "{errors}"
    );
    assert!(!scene.path("out").exists());
}
