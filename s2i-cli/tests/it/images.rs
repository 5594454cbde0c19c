//! The commands for images: their answers to people and to programs.

use std::{fmt::Write as _, fs};

use s2i_core::label;
use serde_json::{Value, json};

use crate::{
    daemon::{Endpoint, Fault, Knobs},
    scene::{Scene, without_amounts},
};

#[test]
fn images_are_listed_for_people_and_for_programs() {
    let scene = Scene::with_engine(Knobs::default());
    let list = scene.s2i(&["images"]).ends_with(0);
    insta::assert_snapshot!(list.stdout, @"
    NAME                           ID               SIZE  CREATED
    <none>                         4             4.24 kB  -
    registry.test:5000/team/web:1  111111111111  4.24 kB  2023-11-14 22:13
    s2i/go:latest                  222222222222  4.24 kB  -
    web:1                          111111111111  4.24 kB  2023-11-14 22:13
    ");
    let ids = scene.s2i(&["images", "--quiet"]).ends_with(0);
    insta::assert_snapshot!(ids.stdout, @"
    111111111111
    222222222222
    4
    ");
    let events = scene.s2i(&["images", "--progress", "json"]).ends_with(0);
    insta::assert_snapshot!(events.stdout, @r#"
    {"created":1700000000,"event":"image","id":"sha256:1111111111111111111111111111111111111111111111111111111111111111","names":["docker.io/library/web:1","registry.test:5000/team/web:1"],"size":4242}
    {"created":null,"event":"image","id":"sha256:2222222222222222222222222222222222222222222222222222222222222222","names":["docker.io/s2i/go:latest"],"size":4242}
    {"created":null,"event":"image","id":"sha256:4","names":[],"size":4242}
    "#);
}

#[test]
fn image_is_described_for_people_and_for_programs() {
    let scene = Scene::with_engine(Knobs::default());
    let done = scene.s2i(&["inspect", "nothing"]).ends_with(21);
    done.warns("error: the image `nothing` is not in the engine\nhint: ");
    scene.daemon().model().images.insert("s2i/go".into());
    let builder = scene.s2i(&["inspect", "s2i/go"]).ends_with(0);
    insta::assert_snapshot!(builder.stdout, @"
    image:             s2i/go
    id:                sha256:2222222222222222222222222222222222222222222222222222222222222222
    name:              docker.io/s2i/go:latest
    platform:          linux/amd64
    size:              4.24 kB
    user:              root
    working directory: /
    scripts:           image:///usr/libexec/s2i
    builder:           yes
    runtime image:     yes; it has no label `io.openshift.s2i.assemble-input-files`, so --runtime-artifact has to name the artifacts
    rebuild:           no; it has no label `io.openshift.s2i.build.image`; it has no label `io.openshift.s2i.build.source-location`
    layer:             sha256:5555555555555555555555555555555555555555555555555555555555555555
    ");
    let labels = json!({
        label::BUILD_IMAGE: "docker.io/s2i/go:latest",
        label::BUILD_SOURCE_LOCATION: "/src/app",
        label::BUILD_COMMIT_ID: "0123",
        label::BUILD_COMMIT_MESSAGE: "two\nlines\u{1b}[31m",
        label::BUILD_COMMIT_REF: "",
        label::OCI_BASE_NAME: "docker.io/s2i/go-runtime:latest",
    });
    for name in ["web", "web:latest-build"] {
        let mut model = scene.daemon().model();
        model.images.insert(name.into());
        model.labels.insert(name.into(), labels.clone());
    }
    let result = scene.s2i(&["inspect", "web"]).ends_with(0);
    let expected = "\
        built with:        docker.io/s2i/go:latest\n\
        based on:          docker.io/s2i/go-runtime:latest\n\
        source:            /src/app\n\
        commit:            0123\n\
        message:           two lines\n\
        saved build:       web:latest-build\n";
    assert!(result.stdout.contains(expected), "{}", result.stdout);
    let document = scene.s2i(&["inspect", "--json", "web"]).ends_with(0);
    let document: Value = serde_json::from_str(&document.stdout).unwrap();
    let event = scene.s2i(&["inspect", "web", "--progress", "json"]);
    let mut event = event.ends_with(0).events().pop().unwrap();
    assert_eq!(event["event"].take(), "inspected");
    event.as_object_mut().unwrap().remove("event");
    assert_eq!(document, event);
    assert_eq!(document["build"]["commit"]["ref"], Value::Null);
    assert_eq!(document["uses"]["rebuild"]["possible"], true);
    assert_eq!(document["uses"]["builder"]["possible"], true);
}

#[test]
fn every_command_answers_people_and_programs() {
    let scene = Scene::with_engine(Knobs::default());
    let mut text = String::new();
    for args in [
        &["pull", "s2i/go"][..],
        &["tag", "s2i/go", "other"],
        &["push", "s2i/go"],
        &["rmi", "s2i/go"],
        &["prune"],
        &["load", "-i", "app/main.go"],
        &["export", "s2i/go", "-o", "go.tar"],
        &["version"],
    ] {
        let people = scene.s2i(args).ends_with(0);
        scene.s2i(&["pull", "s2i/go"]).ends_with(0);
        let programs = scene.s2i(&[args, &["--progress", "json"]].concat());
        let answer = people.stderr + &people.stdout;
        let _ = write!(text, "$ s2i {}\n{answer}", args.join(" "));
        text += &programs.ends_with(0).stdout;
    }
    let socket = scene.daemon().socket().display().to_string();
    let text = text.replace(&socket, "SOCKET");
    let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let text = without_amounts(&text);
    insta::assert_snapshot!(text, @r#"
    $ s2i pull s2i/go
    pulling s2i/go
    sha256:2222222222222222222222222222222222222222222222222222222222222222
    {"event":"notice","image":"s2i/go","kind":"pulling","text":"pulling s2i/go"}
    {"event":"progress","text":"latest: Pulling from s2i/go"}
    {"event":"progress","text":"Status: Downloaded newer image"}
    {"event":"pulled","id":"sha256:2222222222222222222222222222222222222222222222222222222222222222","image":"s2i/go"}
    $ s2i tag s2i/go other
    {"event":"tagged","image":"s2i/go","name":"other"}
    $ s2i push s2i/go
    pushing s2i/go
    s2i/go
    {"event":"notice","image":"s2i/go","kind":"pushing","text":"pushing s2i/go"}
    {"event":"progress","text":"The push refers to repository [registry.test/app]"}
    {"bytes":1,"event":"transfer-ended","kind":"push","total":4}
    {"digest":null,"event":"pushed","image":"s2i/go"}
    $ s2i rmi s2i/go
    deleted s2i/go
    {"event":"removed","image":"s2i/go","what":"deleted s2i/go"}
    $ s2i prune
    untagged web@sha256:5
    deleted sha256:4
    freed 4.24 kB
    {"bytes":4242,"event":"pruned","removed":["untagged web@sha256:5","deleted sha256:4"]}
    $ s2i load -i app/main.go
    s2i/go:latest
    {"bytes":12,"event":"transfer-ended","kind":"load","total":12}
    {"event":"loaded","image":"s2i/go:latest"}
    $ s2i export s2i/go -o go.tar
    {"bytes":10,"event":"exported","file":"DIR/go.tar","image":"s2i/go"}
    $ s2i version
    s2i VERSION
    Docker 20.10.24 at unix://SOCKET (from DOCKER_HOST)
    {"engine":{"name":"Docker","place":"unix://SOCKET (from DOCKER_HOST)","version":"20.10.24"},"event":"version","s2i":"VERSION"}
    "#);
    assert_eq!(scene.read("go.tar"), "an archive");
}

#[test]
fn export_writes_a_whole_file_or_none() {
    let scene = Scene::with_engine(Knobs {
        fault: Some((Endpoint::Export, 0, Fault::CutAfter)),
        ..Knobs::default()
    });
    scene.s2i(&["pull", "s2i/go"]).ends_with(0);
    fs::create_dir(scene.path("out")).unwrap();
    let done = scene.s2i(&["export", "s2i/go", "-o", "out/go.tar"]);
    done.ends_with(22)
        .warns("error: the engine failed to export `s2i/go`");
    assert_eq!(scene.names("out"), [""; 0]);
}

/// The exit code is that of the first image that can't be removed; the others are removed all the same.
#[test]
fn rmi_removes_all_that_it_can() {
    let scene = Scene::with_engine(Knobs::default());
    scene.s2i(&["pull", "s2i/go"]).ends_with(0);
    let done = scene.s2i(&["rmi", "missing", "s2i/go"]).ends_with(21);
    assert_eq!(done.stdout, "deleted s2i/go\n");
    done.warns("error: the image `missing` is not in the engine");
}
