//! Builds without a builder, and builds with one name after the source.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::Path,
};

use s2i_core::label;

use crate::{
    harness::{Live, has_network, live},
    images::Recipe,
    kit,
    process::{Done, Running, Stream},
};

/// Runs `s2i build` where the usual builder is the one that is picked for everything, and no image
/// stays that loses its name.
fn build(live: &Live, options: &[&str], source: impl AsRef<OsStr>, name: Option<&str>) -> Done {
    let builder = live.builder();
    let kinds = ["go", "node", "binary"].map(|kind| format!("{kind} = '{builder}'\n"));
    build_by(live, &kinds.concat(), options, source, name)
}

/// The same with these builders.
fn build_by(
    live: &Live,
    builders: &str,
    options: &[&str],
    source: impl AsRef<OsStr>,
    name: Option<&str>,
) -> Done {
    let config = live.path("config.toml");
    fs::write(&config, format!("[builders]\n{builders}")).unwrap();
    let id = |name| live.engine.image(name)?.id;
    let before = name.and_then(id);
    let mut args: Vec<OsString> = vec!["build".into()];
    args.extend(options.iter().map(Into::into));
    if !has_network() {
        args.extend(["--network".into(), "none".into()]);
    }
    args.push(source.as_ref().into());
    args.extend(name.map(Into::into));
    let mut command = live.command();
    command.env("S2I_CONFIG", config);
    let done = Running::start(command.args(live.engine.options()).args(args)).finish();
    if let Some(before) = before.filter(|before| Some(before) != name.and_then(id).as_ref()) {
        live.engine.remove_image(&before).unwrap();
    }
    done
}

fn made_by(live: &Live, name: &str) -> String {
    let config = live.engine.image(name).expect("the image").config.unwrap();
    config.labels.unwrap()[label::BUILD_IMAGE].clone()
}

/// A second build of the same name is one of the same kind: what s2i has made has all labels of its
/// builder.
#[test]
fn single_name_without_a_builder_is_the_result() {
    let Some(live) = live() else { return };
    let source = live.source(&[("go.mod", "module x\n"), ("package.json", "{}")]);
    let (builder, app) = (live.builder(), live.image_without_path("app"));
    let choice = format!(
        "builder {builder}: the source has a go.mod, which comes before a package.json; {app} is the name of the result: "
    );
    build(&live, &[], &source, Some(&app))
        .succeeds()
        .says(&format!("{choice}the engine has no such image"));
    assert_eq!(made_by(&live, &app), format!("docker.io/{builder}:latest"));
    fs::write(source.join("more"), "text").unwrap();
    build(&live, &["--incremental"], &source, Some(&app))
        .succeeds()
        .says(&format!("{choice}that image was made by s2i"));
    let mut recipe = Recipe::builder();
    recipe.labels.clear();
    let plain = live.load("plain", &recipe);
    let before = live.engine.image(&plain).unwrap().id;
    build(&live, &[], &source, Some(&plain))
        .ends_with(18)
        .says("is neither a builder nor an image that s2i has built");
    assert_eq!(live.engine.image(&plain).unwrap().id, before);
}

#[test]
fn single_name_of_a_builder_is_the_builder() {
    let Some(live) = live() else { return };
    let source = live.source(&[("go.mod", "module x\n")]);
    let other = live.load("other", &Recipe::builder());
    let done = build(&live, &["--progress", "json"], &source, Some(&other)).succeeds();
    let last = done
        .stream(Stream::Stdout)
        .last()
        .copied()
        .unwrap_or_default();
    let built: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(
        (&built["image"], &built["builder"]),
        (&().into(), &(*other).into())
    );
    let id = built["id"].as_str().unwrap();
    assert_eq!(made_by(&live, id), format!("docker.io/{other}:latest"));
    live.engine.remove_image(id).unwrap();
    done.says("the engine has this builder image; the result gets no name");
    build(&live, &["--incremental"], &source, Some(&other))
        .ends_with(2)
        .says("hint: name it after the builder");
    live.nothing_left();
}

#[test]
fn sample_builds_with_its_name_alone() {
    let Some(live) = kit::with(&["s2i/go"]) else {
        return;
    };
    let sample = kit::sample("go", "plain");
    let app = live.image_without_path("app");
    build_by(&live, "", &["--copy"], Path::new(&sample), Some(&app))
        .succeeds()
        .says("builder s2i/go: the source has the Go file main.go");
    assert_eq!(made_by(&live, &app), "docker.io/s2i/go:latest");
}
