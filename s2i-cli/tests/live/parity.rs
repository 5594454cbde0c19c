//! The embedded engine beside the one under test: the same layers, and images that run on both.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use s2i_core::label;

use crate::{
    engine::{Engine, Layer, LayerFile},
    harness::{Live, live, skip},
    images::{Entry, Recipe},
    incremental,
    process::{Done, Running},
};

/// Everything that a layer can have, done by a script that is root.
const EVERYTHING: &str = "\
copy /app
make-dir /app/made/deep
write /app/made/deep/file some text
mode /app/made/deep/file 4755
mode /app/made 1777
link /app/link ../nowhere
hard-link /app/made/second /app/made/deep/file
write /app/able text
capability /app/able
remove /data/gone
remove /data/replaced
make-dir /data/replaced
write /data/replaced/new text
write /data/changed other
mode /data/mode 600
make-artifacts 20 1000
write /usr/libexec/s2i/new text
orphan 30";

/// The prefix of whiteouts, and the entry of an opaque directory.
const REMOVED: &str = "/.wh.";
const EMPTIED: &str = "/.wh..wh..opq";

fn builder() -> Recipe {
    let mut recipe = Recipe::builder()
        .with("data", Entry::Directory(0o755))
        .with("data/gone", Entry::Text(0o644, "text"))
        .with("data/changed", Entry::Text(0o644, "text"))
        .with("data/mode", Entry::Text(0o644, "text"))
        .with("data/replaced", Entry::Directory(0o755))
        .with("data/replaced/old", Entry::Text(0o644, "text"));
    recipe.user = "0";
    recipe
}

/// Runs `s2i` on the embedded engine.
fn native(live: &Live, engine: &Engine, args: &[&str]) -> Done {
    let mut command = live.command();
    Running::start(command.args(engine.options()).args(args)).finish()
}

fn export(live: &Live, image: &str) -> String {
    let file = live.path("exported-image.tar");
    live.s2i(["export", image, "-o", file.to_str().unwrap()])
        .succeeds();
    file.to_str().unwrap().to_owned()
}

/// Starts a test that compares the embedded engine to Docker.
fn live_docker() -> Option<Live> {
    let live = live()?;
    if live.engine.is_native() || live.engine.is_podman() {
        skip("it compares the embedded engine to Docker; Podman adds entries of its own");
        return None;
    }
    Some(live)
}

#[test]
fn layer_is_the_same_on_both_engines() {
    let Some(live) = live_docker() else { return };
    let beside = Engine::beside();
    let builder = live.load("parity", &builder());
    native(&live, &beside, &["load", "-i", &export(&live, &builder)]).succeeds();
    let source = live.source(&[("instructions", EVERYTHING), ("file", "text")]);
    let app = live.image("app");
    let build = ["build", "--copy", "--network", "none"];
    let args = [&build[..], &[source.to_str().unwrap(), &builder, &app]].concat();
    live.s2i(&args).succeeds();
    native(&live, &beside, &args).succeeds();
    assert_eq!(difference(&live, &beside, &builder), [""; 0]);
    let ours = beside.last_layer(&app, &live.path(""));
    assert!(
        ours["app/able"]
            .attributes
            .contains_key("security.capability")
    );
    assert!(ours.contains_key("data/.wh.gone"));
    native(&live, &beside, &["rmi", &app, &builder]).succeeds();
}

/// The embedded engine copies a source by itself; but through the agent where a directory gives its group away.
#[test]
fn kept_source_is_the_same_on_both_engines() {
    let Some(live) = live_docker() else { return };
    let beside = Engine::beside();
    let source = live.source(&[
        (
            "instructions",
            "copy /app\nremove /opt/build/src/empty/gone",
        ),
        ("file", "text"),
        ("empty/gone", "text"),
        ("deep/er/file", "text"),
    ]);
    fs::set_permissions(source.join("file"), fs::Permissions::from_mode(0o700)).unwrap();
    symlink("../nowhere", source.join("link")).unwrap();
    fs::hard_link(source.join("file"), source.join("same")).unwrap();
    for (name, mode) in [("copied", 0o755), ("through-the-agent", 0o2755)] {
        let mut recipe = Recipe::builder()
            .label(label::DESTINATION, "/opt/build")
            .with("opt", Entry::Directory(mode))
            .with("opt/build", Entry::Directory(0o775));
        recipe.env.push("TEST_SOURCE=/opt/build/src");
        let builder = live.load(name, &recipe);
        native(&live, &beside, &["load", "-i", &export(&live, &builder)]).succeeds();
        let app = live.image("app");
        let build = ["build", "--copy", "--network", "none", "--keep-source"];
        let args = [&build[..], &[source.to_str().unwrap(), &builder, &app]].concat();
        live.s2i(&args).succeeds();
        native(&live, &beside, &args).succeeds();
        assert_eq!(difference(&live, &beside, &builder), [""; 0], "{name}");
        let ours = beside.last_layer(&app, &live.path(""));
        assert!(ours.contains_key("opt/build/src/deep/er/file"));
        native(&live, &beside, &["rmi", &app, &builder]).succeeds();
        live.engine.remove_image(&app).unwrap();
    }
}

/// Docker runs `save-artifacts`, and the embedded engine lends what that would write.
#[test]
fn incremental_layer_is_the_same_on_both_engines() {
    let Some(live) = live_docker() else { return };
    let beside = Engine::beside();
    let builder = live.load("lending", &incremental::lending());
    native(&live, &beside, &["load", "-i", &export(&live, &builder)]).succeeds();
    let app = live.image("app");
    let build = ["build", "--copy", "--network", "none", "--incremental"];
    for lines in [
        "make-artifacts 250 100\nlink /app/artifacts/link 1/100\nmode /app/artifacts/2 750",
        "copy-artifacts\nwrite /app/artifacts/1/100 new\nremove /app/artifacts/0",
    ] {
        let source = live.instructions(lines);
        let args = [&build[..], &[source.to_str().unwrap(), &builder, &app]].concat();
        let before = live.engine.image(&app).and_then(|image| image.id);
        live.s2i(&args).succeeds();
        native(&live, &beside, &args)
            .succeeds()
            .never_says("save-artifacts runs");
        if let Some(before) = before {
            live.engine.remove_image(&before).unwrap();
        }
    }
    assert_eq!(difference(&live, &beside, &builder), [""; 0]);
    let ours = beside.last_layer(&app, &live.path(""));
    assert!(ours.contains_key("app/artifacts/1/199"));
    native(&live, &beside, &["rmi", &app, &builder]).succeeds();
}

/// Returns the differences between the layers of `app` on the builder's, one line each.
fn difference(live: &Live, beside: &Engine, builder: &str) -> Vec<String> {
    let (app, scratch) = (live.image("app"), live.path(""));
    let mut layers = [&live.engine, beside].map(|engine| engine.last_layer(&app, &scratch));
    // Docker dates what is removed with the time of the build.
    let files = layers.iter_mut().flatten();
    let removed = files.filter(|(name, _)| name.contains(REMOVED));
    removed.for_each(|(_, file)| file.mtime = 0);
    let below = live.engine.layers(builder, &scratch);
    let below: Layer = below.into_iter().flatten().collect();
    for layer in &mut layers {
        without_unchanged(layer, &below);
        if live.engine.has_containerd_store() {
            normalise(layer, &below);
        }
    }
    let [theirs, ours] = &layers;
    let mut names: Vec<_> = theirs.keys().chain(ours.keys()).collect();
    names.sort();
    names.dedup();
    let unlike = names
        .into_iter()
        .filter(|name| theirs.get(*name) != ours.get(*name));
    unlike
        .map(|name| format!("{name}: {:?}, but {:?}", theirs.get(name), ours.get(name)))
        .collect()
}

/// Removes the directories of the builder in which nothing has changed: Docker has those that overlayfs copied up.
fn without_unchanged(layer: &mut Layer, below: &Layer) {
    let names: Vec<_> = layer.keys().rev().cloned().collect();
    for name in names {
        let inside = format!("{name}/");
        let attributes = |file: &LayerFile| (file.kind, file.mode, file.uid, file.gid);
        let is_same = below.get(&name).map(attributes) == layer.get(&name).map(attributes);
        let is_dir = layer[&name].kind == tar::EntryType::Directory;
        if is_dir && is_same && !layer.keys().any(|other| other.starts_with(&inside)) {
            layer.remove(&name);
        }
    }
}

/// Converts the notation of containerd: it has a whiteout without a mode for each removed entry, and no entry
/// for an unchanged directory.
fn normalise(layer: &mut Layer, below: &Layer) {
    let emptied: Vec<_> = layer
        .keys()
        .filter_map(|name| name.strip_suffix(EMPTIED).map(str::to_owned))
        .collect();
    for directory in emptied {
        let mark = layer.remove(&format!("{directory}{EMPTIED}")).unwrap();
        let was_in = below
            .keys()
            .filter_map(|name| name.strip_prefix(&directory)?.strip_prefix('/'));
        for name in was_in.filter(|name| !name.contains('/')) {
            if !layer.contains_key(&format!("{directory}/{name}")) {
                layer.insert(format!("{directory}{REMOVED}{name}"), mark.clone());
            }
        }
    }
    let removed = layer.iter_mut().filter(|(name, _)| name.contains(REMOVED));
    removed.for_each(|(_, file)| file.mode = 0);
    layer.retain(|name, file| below.get(name) != Some(file));
}

#[test]
fn image_of_one_engine_runs_on_the_other() {
    let Some(live) = live() else { return };
    if live.engine.is_native() {
        return skip("it needs two engines");
    }
    let beside = Engine::beside();
    let source = live.instructions("write /app/made text");
    live.build(&[], &source).succeeds();
    let app = live.image("app");
    native(&live, &beside, &["load", "-i", &export(&live, &app)]).succeeds();
    native(&live, &beside, &["run", &app])
        .succeeds()
        .says("run ended");
    // And the other way round.
    native(
        &live,
        &beside,
        &["load", "-i", &export(&live, live.builder())],
    )
    .succeeds();
    let own = live.image("own");
    let args = [
        "build",
        "--copy",
        "--network",
        "none",
        source.to_str().unwrap(),
    ];
    native(
        &live,
        &beside,
        &[&args[..], &[live.builder(), &own]].concat(),
    )
    .succeeds();
    let file = live.path("own.tar");
    let file = file.to_str().unwrap();
    native(&live, &beside, &["export", &own, "-o", file]).succeeds();
    live.s2i(["load", "-i", file]).succeeds();
    live.s2i(["run", "--network", "none", &own])
        .succeeds()
        .says("run ended");
    native(&live, &beside, &["rmi", &app, &own, live.builder()]).succeeds();
    assert!(Path::new(file).is_file());
}
