//! The commands that keep images: listing, removing, moving.

use std::{
    fs::{self, File},
    path::Path,
};

use serde_json::Value;

use crate::{
    engine::Engine,
    harness::{Live, live, live_native, skip},
    images::Recipe,
    process::{Done, Running, Stream},
};

/// The events of one kind.
fn events(done: &Done, kind: &str) -> Vec<Value> {
    let lines = done.stream(Stream::Stdout);
    let events = lines.iter().map(|line| serde_json::from_str(line).unwrap());
    events
        .filter(|event: &Value| event["event"] == kind)
        .collect()
}

/// The image of this name in a list, for machines.
fn listed(live: &Live, name: &str) -> Option<Value> {
    let done = live.s2i(["--progress", "json", "images"]).succeeds();
    let full = format!("{name}:latest");
    let is_it = |image: &Value| {
        let names = image["names"].as_array().unwrap().iter();
        names
            .filter_map(Value::as_str)
            .any(|name| name.ends_with(&full))
    };
    events(&done, "image").into_iter().find(is_it)
}

#[test]
fn images_are_listed() {
    let Some(live) = live() else { return };
    let name = live.load("listed", &Recipe::builder());
    let image = listed(&live, &name).expect("it is there");
    assert!(image["size"].as_u64().unwrap() > 100_000, "{image}");
    let id = image["id"].as_str().unwrap();
    let short: String = id.trim_start_matches("sha256:").chars().take(12).collect();
    live.s2i(["images"])
        .succeeds()
        .says(&format!("{name}:latest"))
        .says(&short);
    live.s2i(["images", "-q"])
        .succeeds()
        .says(&short)
        .never_says(&name);
}

#[test]
fn image_is_removed_by_name_or_id() {
    let Some(live) = live() else { return };
    let name = live.load("gone", &Recipe::builder());
    live.s2i(["rmi", &name])
        .succeeds()
        .says("untagged")
        .says("deleted");
    assert_eq!(listed(&live, &name), None);
    live.s2i(["rmi", &name])
        .ends_with(21)
        .says(&name)
        .says("hint: ");
    let name = live.load("gone-by-id", &Recipe::builder());
    let id = listed(&live, &name).unwrap()["id"].clone();
    let id = id.as_str().unwrap().trim_start_matches("sha256:");
    let other = live.image("never-there");
    // One that is not there does not keep the other.
    live.s2i(["rmi", &other, &id[..12]])
        .ends_with(21)
        .says("deleted");
    assert_eq!(listed(&live, &name), None);
}

#[test]
fn image_gets_another_name() {
    let Some(live) = live() else { return };
    let name = live.load("first", &Recipe::builder());
    let (more, other) = (live.image("more"), live.load("other", &Recipe::runtime()));
    live.s2i(["tag", &name, &more]).succeeds();
    let id = |name: &str| listed(&live, name).unwrap()["id"].clone();
    assert_eq!(id(&more), id(&name));
    // By id, and in place of another image.
    let [first, without] = [&name, &other].map(|name| id(name).as_str().unwrap().to_owned());
    live.s2i(["tag", &first, &other]).succeeds();
    assert_eq!(id(&other), first.as_str());
    if !live.engine.is_native() {
        // A daemon keeps what has lost its name.
        live.s2i(["rmi", &without]).succeeds().says("deleted");
    }
    live.s2i(["rmi", &name]).succeeds().never_says("deleted");
    live.s2i(["tag", &name, &more])
        .ends_with(21)
        .says(&name)
        .says("hint: ");
    live.s2i(["tag", &more, &format!("{name}@{first}")])
        .ends_with(2);
    assert_eq!(id(&more), first.as_str());
}

#[test]
fn exported_image_can_be_loaded() {
    let Some(live) = live() else { return };
    let name = live.load("moved", &Recipe::builder());
    let before = live.engine.image(&name).unwrap().root_fs;
    live.s2i(["export", &name, "-o", "image.tar"]).succeeds();
    live.s2i(["rmi", &name]).succeeds();
    let mut command = live.command();
    command.args(live.engine.options()).arg("load");
    let archive = File::open(live.path("image.tar")).unwrap();
    let loaded = Running::start_with(&mut command, archive.into());
    loaded.finish().succeeds().says(&format!("{name}:latest"));
    assert_eq!(live.engine.image(&name).unwrap().root_fs, before);
    let done = live
        .s2i(["--progress", "json", "load", "-i", "image.tar"])
        .succeeds();
    assert_eq!(events(&done, "loaded").len(), 1);
}

#[test]
fn file_that_is_not_an_archive_is_rejected() {
    let Some(live) = live() else { return };
    fs::write(live.path("text"), "no archive\n".repeat(1000)).unwrap();
    live.s2i(["load", "-i", "text"])
        .ends_with(22)
        .says("failed to load");
}

/// In a store of its own, as it is for all images without a name.
#[test]
fn prune_keeps_images_with_names() {
    let Some(live) = live_native("it would take images of other tests") else {
        return;
    };
    let s2i = native(&live);
    let archive = Recipe::builder().write("s2i-test/kept", &live.path(""));
    s2i(&["load", "-i", archive.to_str().unwrap()]).succeeds();
    let source = live.source(&[("file", "text")]);
    let source = source.to_str().unwrap();
    s2i(&["build", source, "s2i-test/kept", "--network", "none"]).succeeds();
    s2i(&["prune"]).succeeds().says("deleted").says("freed");
    s2i(&["images"])
        .succeeds()
        .says("s2i-test/kept")
        .never_says("<none>");
    s2i(&["prune"]).succeeds().never_says("deleted");
}

/// `s2i` with the embedded engine and a store of its own in the directory of the test.
fn native(live: &Live) -> impl Fn(&[&str]) -> Done {
    |args| {
        let mut command = live.command();
        command.args(["--engine", "native", "--store", "own-store"]);
        Running::start(command.args(args)).finish()
    }
}

#[test]
fn result_of_the_embedded_engine_is_loaded_into_another() {
    let Some(live) = live() else { return };
    let Engine::Api(_) = &live.engine else {
        return skip("it needs Docker or Podman to load into");
    };
    let s2i = native(&live);
    let done = s2i(&["--progress", "json", "doctor"]).succeeds();
    let findings = events(&done, "doctor").pop().unwrap();
    let engines = findings["engines"].as_array().unwrap();
    let works = |engine: &&Value| engine["name"] == "native" && engine["works"] == true;
    if engines.iter().find(works).is_none() {
        return skip("the embedded engine can't work here");
    }
    let (builder, app) = (live.image("builder"), live.image("app"));
    let archive = Recipe::builder().write(&builder, Path::new(&live.path("")));
    s2i(&["load", "-i", archive.to_str().unwrap()]).succeeds();
    let source = live.source(&[("file", "text")]);
    let url = live.engine.options()[1].to_str().unwrap().to_owned();
    let load = format!("--load={url}");
    let sent = || {
        let source = source.to_str().unwrap();
        let build = ["build", source, &builder, &app, &load, "--network", "none"];
        let done = s2i(&[&["--progress", "json"], &build[..]].concat()).succeeds();
        events(&done, "loaded")[0]["bytes"].as_u64().unwrap()
    };
    // Into an engine that has nothing of it, that has all of it, and that has the layers of the builder.
    let whole = sent();
    assert_eq!(sent(), 0);
    let layers = live.engine.layers(&app, &live.path(""));
    assert!(
        layers.last().unwrap().contains_key("app/file"),
        "{layers:?}"
    );
    live.engine.remove_image(&app).unwrap();
    live.s2i(["load", "-i", archive.to_str().unwrap()])
        .succeeds();
    let part = sent();
    // Podman takes whole images alone.
    assert!(
        part < whole / 2 || live.engine.is_podman(),
        "{part} of {whole}"
    );
    assert_eq!(live.engine.layers(&app, &live.path("")), layers);
    live.s2i(["build", ".", &builder, &app, "--load"])
        .ends_with(2);
}

#[test]
fn doctor_names_the_engine_in_use() {
    let Some(live) = live() else { return };
    let done = live.s2i(["doctor"]).succeeds().says("commands use: ");
    assert!(!done.stream(Stream::Stdout).is_empty());
    let done = live.s2i(["doctor", "--progress", "json"]).succeeds();
    let [findings] = &events(&done, "doctor")[..] else {
        panic!("one object")
    };
    let used = findings["used"]["engine"].as_str().unwrap();
    let expected = if live.engine.is_native() {
        "native"
    } else if live.engine.is_podman() {
        "Podman"
    } else {
        "Docker"
    };
    assert_eq!(used, expected);
    let engines = findings["engines"].as_array().unwrap();
    let used = engines
        .iter()
        .find(|engine| engine["name"] == used)
        .unwrap();
    assert_eq!(used["works"], true, "{used}");
    let native = engines.iter().find(|engine| engine["name"] == "native");
    if used["name"] == "Docker" && native.unwrap()["works"] == true {
        assert!(used["remarks"].to_string().contains("--load"), "{used}");
    }
    live.s2i(["version"]).succeeds().says("s2i 0.");
}
