//! `s2i build --as-dockerfile` and `s2i generate`.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    thread,
};

use s2i_core::image::Digest;
use serde_json::json;

use crate::scene::{Done, Scene};

/// Writes a Dockerfile without asking a registry.
fn build(scene: &Scene, file: &str, more: &[&str]) -> Done {
    let args = [
        "build",
        "app",
        "s2i/go",
        "web",
        "-p",
        "never",
        "--as-dockerfile",
        file,
    ];
    scene.s2i(&[&args[..], more].concat())
}

/// The paths of the files below a directory, sorted.
fn files(scene: &Scene, dir: &str) -> Vec<String> {
    let root = scene.path(dir);
    let (mut waiting, mut files) = (vec![root.clone()], Vec::new());
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                files.push(path.strip_prefix(&root).unwrap().display().to_string());
            }
        }
    }
    files.sort();
    files
}

#[test]
fn dockerfile_and_source_are_written_without_an_engine() {
    let scene = Scene::new();
    let done = build(&scene, "out/", &[]).ends_with(0);
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
    let expected = [
        "Dockerfile",
        "upload/.s2i",
        "upload/src/.s2iignore",
        "upload/src/main.go",
    ];
    assert_eq!(files(&scene, "out"), expected);
    assert_eq!(scene.names("."), ["app", "out", "tmp"]);
}

/// The directory of the context may lie in the source; what is written there is not part of it.
#[test]
fn dockerfile_may_lie_in_the_source() {
    let scene = Scene::new();
    for dir in ["app", "app/deploy/s2i"] {
        for _ in 0..2 {
            build(&scene, &format!("{dir}/Dockerfile"), &[]).ends_with(0);
            let found = files(&scene, &format!("{dir}/upload"));
            assert_eq!(found, [".s2i", "src/.s2iignore", "src/main.go"], "{dir}");
        }
        fs::remove_dir_all(scene.path(dir).join("upload")).unwrap();
        fs::remove_file(scene.path(dir).join("Dockerfile")).unwrap();
    }
}

#[test]
fn second_run_replaces_the_files_of_the_first() {
    let scene = Scene::new();
    scene.write("app/old.go", "package main");
    scene.write("app/.s2i/bin/run", "#!/bin/sh\n");
    build(&scene, "out/Dockerfile", &[]).ends_with(0);
    let first = scene.read("out/Dockerfile");
    let script = fs::metadata(scene.path("out/upload/scripts/run")).unwrap();
    assert_eq!(script.permissions().mode() & 0o777, 0o755);
    build(&scene, "out/Dockerfile", &[]).ends_with(0);
    assert_eq!(scene.read("out/Dockerfile"), first);
    fs::remove_file(scene.path("app/old.go")).unwrap();
    fs::remove_dir_all(scene.path("app/.s2i")).unwrap();
    build(&scene, "out/Dockerfile", &[]).ends_with(0);
    let expected = [
        "Dockerfile",
        "upload/.s2i",
        "upload/src/.s2iignore",
        "upload/src/main.go",
    ];
    assert_eq!(files(&scene, "out"), expected);
}

#[test]
fn directory_that_s2i_has_not_written_is_not_replaced() {
    let scene = Scene::new();
    scene.write("out/upload/src/mine", "");
    build(&scene, "out/Dockerfile", &[])
        .ends_with(2)
        .warns("upload`, which exists and was not written by s2i")
        .warns("hint: remove it");
    assert_eq!(files(&scene, "out"), ["upload/src/mine"]);
}

#[test]
fn failed_run_leaves_the_files_of_the_one_before() {
    let scene = Scene::new();
    build(&scene, "out/Dockerfile", &[]).ends_with(0);
    build(&scene, "out/Dockerfile", &["--network", "host"])
        .ends_with(18)
        .warns("a Dockerfile can't select the network `host`")
        .warns("hint: give it to the command that builds the Dockerfile");
    let expected = [
        "Dockerfile",
        "upload/.s2i",
        "upload/src/.s2iignore",
        "upload/src/main.go",
    ];
    assert_eq!(files(&scene, "out"), expected);
    build(&scene, "new/Dockerfile", &["--network", "host"]).ends_with(18);
    assert!(!scene.path("new").exists());
}

/// The line of the Tekton task for s2i: no name of the result, options before the command and after the names.
#[test]
fn line_of_tekton_writes_a_dockerfile() {
    let scene = Scene::new();
    scene.write("env", "A=1\n");
    let url = "image:///opt/scripts";
    let line = [
        "--loglevel",
        "0",
        "build",
        "app",
        "s2i/go",
        "--image-scripts-url",
        url,
        "--as-dockerfile",
        "gen/Dockerfile.gen",
        "--environment-file",
        "env",
        "-p",
        "never",
    ];
    scene.s2i(&line).ends_with(0);
    let dockerfile = scene.read("gen/Dockerfile.gen");
    assert!(dockerfile.contains("\nENV A=\"1\"\n"), "{dockerfile}");
    assert!(
        dockerfile.ends_with("\nCMD [\"/opt/scripts/run\"]\n"),
        "{dockerfile}"
    );
}

#[test]
fn scripts_of_a_directory_are_in_the_context() {
    let scene = Scene::new();
    scene.write("scripts/assemble", "#!/bin/sh\n");
    scene.write("app/.s2i/bin/assemble", "#!/bin/false\n");
    let done = build(
        &scene,
        "out/",
        &["-s", "file://scripts", "--dockerfile-form", "copy"],
    );
    done.ends_with(0)
        .warns("scripts of file://scripts: assemble (sha256:");
    assert_eq!(scene.read("out/upload/scripts/assemble"), "#!/bin/sh\n");
    let dockerfile = scene.read("out/Dockerfile");
    for line in [
        "\nCOPY --chown=1001:0 upload/src /tmp/src\n",
        "\nCOPY --chown=1001:0 upload/scripts /tmp/scripts\n",
        "\nRUN /tmp/scripts/assemble\n",
        "\"io.openshift.s2i.scripts-url\"=\"file://scripts\"",
    ] {
        assert!(dockerfile.contains(line), "{dockerfile}");
    }
    build(&scene, "other/", &["--scripts", "file://nowhere"])
        .ends_with(11)
        .warns("--scripts: this option is deprecated")
        .warns("there are no scripts at `file://nowhere`");
}

#[test]
fn user_outside_of_the_allowed_ones_is_refused() {
    let scene = Scene::new();
    build(&scene, "out/", &["-u", "2000-"]).ends_with(15);
    build(&scene, "out/", &["-u", "2000-", "--assemble-user", "2001"]).ends_with(0);
    assert!(scene.read("out/Dockerfile").contains("\nUSER 2001\n"));
}

/// Serves one image until the test ends, and returns the address.
fn registry(labels: &serde_json::Value) -> String {
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": {"User": "185", "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": []},
    })
    .to_string();
    let digest = Digest::of(config.as_bytes()).to_string();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": digest, "size": config.len(),
        },
        "layers": [],
    })
    .to_string();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut request, mut piece) = (Vec::new(), [0; 4096]);
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut piece) {
                    Ok(read) if read > 0 => request.extend_from_slice(&piece[..read]),
                    _ => break,
                }
            }
            let request = String::from_utf8_lossy(&request);
            let (kind, body) = if request.contains("/manifests/") {
                (
                    "application/vnd.oci.image.manifest.v1+json",
                    manifest.as_str(),
                )
            } else if request.contains("/blobs/") {
                ("application/octet-stream", config.as_str())
            } else {
                ("application/json", "{}")
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            let _ = stream.write_all((head + body).as_bytes());
        }
    });
    address
}

#[test]
fn labels_come_from_the_registry_if_it_can_be_asked() {
    let scene = Scene::new();
    let address = registry(&json!({"io.openshift.s2i.scripts-url": "image:///usr/local/s2i"}));
    let builder = format!("docker://{address}/openjdk:1");
    scene
        .s2i(&["generate", &builder, "Dockerfile.gen", "-e", "A=1", "-q"])
        .ends_with(0);
    let dockerfile = scene.read("Dockerfile.gen");
    for line in [
        format!("\nFROM {address}/openjdk:1\n"),
        "\nUSER 185\n".into(),
        "\nENV A=\"1\"\n".into(),
        " /usr/local/s2i/assemble && ".into(),
    ] {
        assert!(dockerfile.contains(&line), "{line} in {dockerfile}");
    }
    assert_eq!(files(&scene, "upload"), [".s2i"]);
    assert!(scene.path("upload/src").is_dir());
    let missing = "127.0.0.1:1/openjdk:1";
    scene
        .s2i(&["generate", missing, "other/Dockerfile"])
        .ends_with(0)
        .warns(
            "its labels are not known, and its scripts are taken to be at image:///usr/libexec/s2i",
        );
    let dockerfile = scene.read("other/Dockerfile");
    assert!(dockerfile.contains("\nUSER 1001\n"), "{dockerfile}");
}
