//! Builds that begin with what the build before has saved.

use crate::{
    harness::{Live, live, skip},
    images::{Entry, Recipe},
    process::Done,
};
use s2i_core::label;

/// The image that the builder's container becomes in a split build.
const BESIDE: &str = "app:latest-build";

/// A builder whose images save `/app/artifacts`.
fn builder(live: &Live) -> String {
    let recipe = Recipe::builder().with("usr/libexec/s2i/save-artifacts", Entry::Program);
    live.load("saving", &recipe)
}

/// Builds `app` with these instructions over the `app` that is there.
fn build(live: &Live, builder: &str, options: &[&str], lines: &str) -> Done {
    let id = |live: &Live| live.engine.image(&live.image("app"))?.id;
    let before = id(live);
    let source = live.instructions(lines);
    let app = live.image("app");
    let mut args = vec!["build", "--copy", "--network", "none"];
    args.extend(options);
    args.extend([source.to_str().unwrap(), builder, &app]);
    let done = live.s2i(args);
    // The one that lost its name would stay.
    if let Some(before) = before.filter(|before| Some(before) != id(live).as_ref()) {
        live.engine.remove_image(&before).unwrap();
    }
    done
}

#[test]
fn second_build_has_the_artifacts_of_the_first() {
    let Some(live) = live() else { return };
    let builder = builder(&live);
    let first = build(&live, &builder, &["--incremental"], "make-artifacts 150 10");
    first.succeeds().says("a clean build: there is no image");
    let more = "show-list /tmp/artifacts\ntake-artifacts\nshow-list /app/artifacts/1";
    let second = build(&live, &builder, &["--incremental"], more);
    second
        .succeeds()
        .says("save-artifacts runs")
        .says("\"0\"")
        .says("\"149\"");
    // Copied artifacts are saved again; the others are lost with the container.
    let third = build(
        &live,
        &builder,
        &["--incremental"],
        "show-list /tmp/artifacts/1",
    );
    third.succeeds().says("\"100\"");
    let fourth = build(
        &live,
        &builder,
        &["--incremental"],
        "must-not-exist /tmp/artifacts",
    );
    fourth.succeeds().says("a clean build");
    let clean = build(&live, &builder, &[], "must-not-exist /tmp/artifacts");
    clean.succeeds();
}

/// Whatever is wrong with the artifacts, `assemble` sees none of them and the build is done.
#[test]
fn failed_save_leads_to_a_clean_build_with_a_warning() {
    let Some(live) = live() else { return };
    let builder = builder(&live);
    for save in [
        "exit 4",
        "write-artifacts\\nexit 5",
        "print this is no archive",
        "remove /nowhere",
    ] {
        let make = format!("make-artifacts 3 10\nwrite-lines /app/save-instructions {save}");
        build(&live, &builder, &[], &make).succeeds();
        let options = ["--incremental"];
        let done = build(&live, &builder, &options, "must-not-exist /tmp/artifacts");
        done.succeeds().says("warning: ").says("a clean build: ");
    }
}

/// Scripts that were written for the Go tool read what the build before had there.
#[test]
fn save_artifacts_reads_source_and_artifacts_of_the_build_before() {
    let Some(live) = live() else { return };
    let builder = builder(&live);
    let options = ["--incremental"];
    let save = |dir: &str| format!("write-lines /app/save-instructions write-archive {dir}");
    build(&live, &builder, &[], &save("/tmp/src")).succeeds();
    let second = format!(
        "show-list /tmp/artifacts\nmake-dir /tmp/artifacts/m2\nwrite /tmp/artifacts/m2/a.jar text-of-it\n{}",
        save("/tmp/artifacts"),
    );
    let done = build(&live, &builder, &options, &second).succeeds();
    done.says("\"instructions\"").never_says("clean build");
    // They are used in place, and are there for one build after the other.
    for _ in 0..2 {
        let next = format!(
            "show-file /tmp/artifacts/m2/a.jar\n{}",
            save("/tmp/artifacts")
        );
        let done = build(&live, &builder, &options, &next).succeeds();
        done.says("text-of-it").never_says("clean build");
    }
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert!(layer.contains_key("tmp/src/instructions"), "{layer:?}");
    assert_eq!(layer["tmp/artifacts/m2/a.jar"].size, 10);
    live.engine.remove_image(&live.image("app")).unwrap();
    live.nothing_left();
}

#[test]
fn saving_nothing_leads_to_a_clean_build_without_a_warning() {
    let Some(live) = live() else { return };
    let builder = builder(&live);
    for save in ["exit 0", "make-dir /tmp/empty\\nwrite-archive /tmp/empty"] {
        let make = format!("write-lines /app/save-instructions {save}");
        build(&live, &builder, &[], &make).succeeds();
        let options = ["--incremental"];
        let done = build(&live, &builder, &options, "must-be-empty /tmp/artifacts");
        done.succeeds().never_says("warning: ");
    }
}

#[test]
fn save_artifacts_runs_as_the_user_of_assemble() {
    let Some(live) = live() else { return };
    let recipe = Recipe::builder().with("usr/libexec/s2i/save-artifacts", Entry::Program);
    let recipe = recipe.label(label::ASSEMBLE_USER, "1002:0");
    let builder = live.load("labelled", &recipe);
    if !live.has_user(1002) {
        return skip("there is no user 1002");
    }
    // Only its owner may read it.
    let make = "make-artifacts 3 10\nmode /app/artifacts 700";
    build(&live, &builder, &[], make).succeeds();
    let done = build(
        &live,
        &builder,
        &["--incremental"],
        "show-list /tmp/artifacts/0",
    );
    done.succeeds().says("\"2\"").never_says("clean build");
}

/// A builder whose artifacts can be lent.
pub(crate) fn lending() -> Recipe {
    let recipe = Recipe::builder().with("usr/libexec/s2i/save-artifacts", Entry::Program);
    recipe.label(label::ARTIFACTS, "/app/artifacts")
}

/// The embedded engine runs no `save-artifacts` then, and the image is none the wiser.
#[test]
fn mounted_artifacts_are_equal_to_saved_ones() {
    let Some(live) = live() else { return };
    let builder = live.load("lending", &lending());
    build(&live, &builder, &["--incremental"], "make-artifacts 150 10").succeeds();
    let take = "show-list /tmp/artifacts/1\nwrite /tmp/artifacts/1/100 changed\nremove /tmp/artifacts/1/101\n\
                write /tmp/artifacts/more text\ncopy-artifacts\nshow-id";
    let second = build(&live, &builder, &["--incremental"], take);
    let second = second.succeeds().says("\"149\"");
    if live.engine.is_native() {
        second.never_says("save-artifacts runs");
    } else {
        second.says("save-artifacts runs");
    }
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert!(
        layer.keys().all(|name| !name.starts_with("tmp/")),
        "{layer:?}"
    );
    assert_eq!(layer["app/artifacts/1/100"].size, 7);
    assert!(!layer.contains_key("app/artifacts/1/101"));
    // The previous build changed its copy and not the mounted image.
    let third = build(
        &live,
        &builder,
        &["--incremental"],
        "show-list /tmp/artifacts",
    );
    third.succeeds().says("\"more\"");
    // A path that is not a directory can't be mounted, and is saved as before.
    let link = "make-dir /app/real\nlink /app/artifacts real\nwrite /app/real/it text";
    build(&live, &builder, &[], link).succeeds();
    let done = build(&live, &builder, &["--incremental"], "print done");
    done.succeeds().says("save-artifacts runs").says("done");
    live.engine.remove_image(&live.image("app")).unwrap();
    live.nothing_left();
}

#[test]
fn image_without_saved_artifacts_is_built_clean() {
    let Some(live) = live() else { return };
    let builder = live.builder().to_owned();
    build(&live, &builder, &[], "print one").succeeds();
    let done = build(&live, &builder, &["--incremental"], "print two");
    done.succeeds().says("a clean build").says("two");
}

/// A split build of `app` with these instructions, over the images that are there.
fn split(live: &Live, (builder, runtime): (&str, &str), options: &[&str], lines: &str) -> Done {
    let id = |name: &str| live.engine.image(&live.image(name)).map(|found| found.id);
    let before = ["app", BESIDE].map(|name| (name, id(name)));
    let source = live.instructions(lines);
    let app = live.image("app");
    let usual = ["build", "--copy", "--network", "none", "-a", "/app/page"];
    let last = [
        "--runtime-image",
        runtime,
        source.to_str().unwrap(),
        builder,
        &app,
    ];
    let done = live.s2i([&usual[..], options, &last].concat());
    for (name, before) in before {
        // The previous image, which lost its name, would stay.
        if let Some(before) = before
            .flatten()
            .filter(|before| id(name).flatten().as_ref() != Some(before))
        {
            live.engine.remove_image(&before).unwrap();
        }
    }
    done
}

/// The images of a split build.
fn images(live: &Live, runtime: &Recipe) -> (String, String) {
    (builder(live), live.load("runtime", runtime))
}

#[test]
fn artifacts_of_a_runtime_image_build_are_kept_beside_the_result() {
    let Some(live) = live() else { return };
    let images = images(&live, &Recipe::runtime());
    let images = (&images.0[..], &images.1[..]);
    let page = "write /app/page text";
    let make = format!("show-env S2I_INCREMENTAL\nmake-artifacts 150 10\n{page}");
    split(&live, images, &[], &make)
        .succeeds()
        .says("S2I_INCREMENTAL=None");
    assert!(live.engine.image(&live.image(BESIDE)).is_none());
    let (app, scratch) = (live.image("app"), live.path(""));
    let clean = live.engine.layers(&app, &scratch);

    let incremental = ["--incremental"];
    split(&live, images, &incremental, &make)
        .succeeds()
        .says("a clean build: there is no image")
        .says("S2I_INCREMENTAL=Some(\"true\")");
    let result = live.engine.layers(&app, &scratch);
    if !live.engine.is_podman() {
        assert_eq!(result, clean);
    }
    assert!(
        result
            .iter()
            .flat_map(|layer| layer.keys())
            .all(|name| !name.contains("artifacts"))
    );

    let take = format!("show-list /tmp/artifacts/1\ntake-artifacts\n{page} two");
    let second = split(&live, images, &incremental, &take).succeeds();
    second.says("save-artifacts runs").says("\"149\"");
    // As if it were the result: it can be started, and has nothing that was only for the build.
    let beside = live.image(BESIDE);
    let config = live.engine.image(&beside).unwrap().config.unwrap();
    assert!(config.cmd.unwrap()[0].ends_with("/run"));
    assert!(
        config
            .env
            .unwrap()
            .iter()
            .all(|entry| !entry.contains("INCREMENTAL"))
    );
    let layer = live.engine.last_layer(&beside, &scratch);
    assert!(layer.contains_key("app/artifacts/1/149"), "{layer:?}");
    assert!(!layer.contains_key("tmp/trust"), "{layer:?}");
    live.s2i([
        "run",
        "--network",
        "none",
        &beside,
        "/usr/libexec/s2i/run",
        "it",
    ])
    .succeeds()
    .says("run ended");
}

/// Whatever fails, both names stay what they were.
#[test]
fn failed_runtime_image_build_leaves_both_images() {
    let Some(live) = live() else { return };
    let builder = builder(&live);
    let runtime = live.load("runtime", &Recipe::runtime());
    let broken = Recipe::runtime().without("usr/libexec/s2i/run");
    let broken = live.load("broken", &broken);
    let incremental = ["--incremental"];
    let make = "make-artifacts 3 10\nwrite /app/page text";
    split(&live, (&builder, &runtime), &incremental, make).succeeds();
    let ids = || ["app", BESIDE].map(|name| live.engine.image(&live.image(name)).unwrap().id);
    let before = ids();
    let other = "make-artifacts 5 10\nwrite /app/page other";
    for (runtime, more, code) in [
        (&runtime, "exit 3", 4),
        (&runtime, "remove /app/page", 24),
        // The builder's container is an image already when it turns out that the result can't be one.
        (&broken, "", 6),
    ] {
        let lines = format!("{other}\n{more}");
        split(&live, (&builder, runtime), &incremental, &lines).ends_with(code);
        assert_eq!(ids(), before, "{more}");
        assert_eq!(live.engine.unnamed(&live.image("app")), 0, "{more}");
    }
}

#[test]
fn stopped_runtime_image_build_leaves_both_images() {
    let Some(live) = live() else { return };
    let images = images(&live, &Recipe::runtime());
    let images = (&images.0[..], &images.1[..]);
    let incremental = ["--incremental"];
    split(
        &live,
        images,
        &incremental,
        "make-artifacts 3 10\nwrite /app/page text",
    )
    .succeeds();
    let ids = || ["app", BESIDE].map(|name| live.engine.image(&live.image(name)).unwrap().id);
    let before = ids();
    let source = live.instructions("make-artifacts 9 10\nwrite /app/page other");
    let app = live.image("app");
    let args = [
        "build",
        "--copy",
        "--network",
        "none",
        "-a",
        "/app/page",
        "--incremental",
    ];
    let last = [
        "--runtime-image",
        images.1,
        source.to_str().unwrap(),
        images.0,
        &app,
    ];
    // The first commit is that of the builder's container.
    let running = live.spawn([&args[..], &last].concat());
    running.wait_for("==> commit");
    running.signal(rustix::process::Signal::INT);
    let done = running.finish();
    if done.status.code() == Some(0) {
        for id in before.iter().flatten() {
            live.engine.remove_image(id).unwrap();
        }
        skip("it was done before it could be stopped");
        return;
    }
    done.ends_with(130);
    assert_eq!(ids(), before);
    assert_eq!(live.engine.unnamed(&app), 0);
}

#[test]
fn cache_directory_takes_the_place_of_a_previous_image() {
    let Some(live) = live() else { return };
    let builder = live.load("lending", &lending());
    let dir = live.path("kept");
    let options = ["--cache-dir", dir.to_str().unwrap()];
    let archive = dir.join("artifacts.tar");
    build(&live, &builder, &options, "make-artifacts 3 10").succeeds();
    let first = std::fs::read(&archive).unwrap();
    // The image has none: they are in the directory.
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert!(!layer.contains_key("app/artifacts"), "{layer:?}");
    build(&live, &builder, &options, "exit 1").ends_with(4);
    assert_eq!(std::fs::read(&archive).unwrap(), first);
    build(
        &live,
        &builder,
        &options,
        "show-list /tmp/artifacts\ncopy-artifacts",
    )
    .succeeds()
    .never_says("a clean build");
    assert_eq!(std::fs::read(&archive).unwrap(), first);
    std::fs::write(&archive, "damaged").unwrap();
    build(
        &live,
        &builder,
        &options,
        "must-not-exist /tmp/artifacts/0\nmake-artifacts 3 10",
    )
    .succeeds()
    .says("a clean build");
    assert_eq!(std::fs::read(&archive).unwrap(), first);
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
}
