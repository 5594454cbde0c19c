//! Builds that begin with what the build before has saved.

use crate::{
    harness::{Live, live},
    images::{Entry, Recipe},
    process::Done,
};

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
fn the_second_build_has_what_the_first_one_saved() {
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
    // What was taken is saved again; what was not is gone with its container.
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
fn a_save_that_fails_makes_a_clean_build_and_a_word_about_it() {
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

#[test]
fn an_image_that_saves_nothing_is_no_reason_to_fail() {
    let Some(live) = live() else { return };
    let builder = live.builder().to_owned();
    build(&live, &builder, &[], "print one").succeeds();
    let done = build(&live, &builder, &["--incremental"], "print two");
    done.succeeds().says("a clean build").says("two");
}
