//! Scenarios 14 to 19: incremental builds, with scripts as people write them.

use s2i_core::label;

use super::{clean::triggered, fixture};
use crate::{
    harness::{Live, live},
    images::{Entry, Recipe},
};

/// The mark of `assemble` for artifacts that it was given.
const MARK: &str = "app/save-artifacts-ran";

/// Builds `app`, which stays, and returns its ID.
fn first(live: &Live, builder: &str, options: &[&str]) -> String {
    let source = fixture::source(live);
    fixture::build(live, builder, options, &source).succeeds();
    assert!(!fixture::layer(live).contains_key(MARK));
    let image = live.engine.image(&live.image("app")).unwrap();
    image.id.unwrap()
}

/// Builds `app` again, of a source that has changed, beside the one that is there.
fn second(live: &Live, builder: &str, options: &[&str]) {
    let source = live.source(&[("catalog.txt", "three\n")]);
    let (app, source) = (live.image("app"), source.to_str().unwrap().to_owned());
    let mut args = vec!["build", "--copy", "--network", "none", "--incremental"];
    args.extend(options);
    args.extend([&source, builder, &app]);
    live.s2i(args).succeeds();
    fixture::check_clean(live);
}

#[test]
fn previous_image_is_removed_on_request() {
    let Some(live) = live() else { return };
    let builder = live.load("bare", &fixture::bare());
    fixture::scripts(&live);
    let options = ["--rm", "--scripts-url", "file://scripts"];
    let before = first(&live, &builder, &options);
    second(&live, &builder, &options);
    assert!(fixture::layer(&live).contains_key(MARK));
    assert!(live.engine.image(&before).is_none(), "{before} is there");
}

#[test]
fn previous_image_stays_otherwise() {
    let Some(live) = live() else { return };
    let builder = live.load("bare", &fixture::bare());
    fixture::scripts(&live);
    let options = ["--scripts-url", "file://scripts"];
    let before = first(&live, &builder, &options);
    second(&live, &builder, &options);
    assert!(fixture::layer(&live).contains_key(MARK));
    // The embedded engine keeps no image that has lost its last name.
    let is_kept = live.engine.image(&before).is_some();
    assert_eq!(is_kept, !live.engine.is_native(), "{before}");
    if is_kept {
        live.engine.remove_image(&before).unwrap();
    }
}

/// The label decides for `save-artifacts` as for `assemble`.
#[test]
fn artifacts_are_saved_by_the_user_of_the_label() {
    let Some(live) = live() else { return };
    let save = "#!/usr/bin/interpret\nwrite /tmp/src/save-artifacts-ran\nwrite-archive /tmp/src\n";
    let recipe = fixture::baked()
        .label(label::ASSEMBLE_USER, "1001")
        .with("tmp/scripts/save-artifacts", Entry::Text(0o755, save));
    let builder = live.load("labelled", &recipe);
    let before = first(&live, &builder, &["--rm"]);
    second(&live, &builder, &["--rm", "--allowed-uids", "1001"]);
    assert!(fixture::layer(&live).contains_key(MARK));
    assert!(live.engine.image(&before).is_none(), "{before} is there");
}

#[test]
fn scripts_of_the_image_save_artifacts() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    let before = first(&live, &builder, &["--rm"]);
    second(&live, &builder, &["--rm"]);
    assert!(fixture::layer(&live).contains_key(MARK));
    assert!(live.engine.image(&before).is_none(), "{before} is there");
}

/// Without `save-artifacts` it is a clean build, which still removes the image before.
#[test]
fn build_without_save_artifacts_is_clean_and_removes_the_previous_image() {
    let Some(live) = live() else { return };
    let recipe = fixture::baked().without("tmp/scripts/save-artifacts");
    let builder = live.load("unsaving", &recipe);
    let before = first(&live, &builder, &["--rm"]);
    second(&live, &builder, &["--rm"]);
    assert!(!fixture::layer(&live).contains_key(MARK));
    assert!(live.engine.image(&before).is_none(), "{before} is there");
}

/// Triggers run again, and the artifacts of the build before are there for `assemble`.
#[test]
fn incremental_build_of_an_image_with_triggers_works() {
    let Some(live) = live() else { return };
    if live.engine.is_podman() {
        return crate::harness::skip("the API of Podman does not show triggers");
    }
    let builder = live.load("triggered", &triggered(&["RUN write /app/onbuild text"]));
    first(&live, &builder, &[]);
    second(&live, &builder, &["--rm"]);
    let layer = fixture::layer(&live);
    assert!(layer.contains_key(MARK) && layer.contains_key("app/onbuild"));
}

#[test]
fn artifacts_come_from_another_image_on_request() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    let before = first(&live, &builder, &[]);
    let stable = live.image("stable");
    live.s2i(["tag", &live.image("app"), &stable]).succeeds();
    live.engine.remove_image(&live.image("app")).unwrap();
    second(&live, &builder, &["--incremental-from-tag", &stable]);
    assert!(fixture::layer(&live).contains_key(MARK));
    assert_eq!(live.engine.image(&stable).unwrap().id, Some(before));
}

/// The way of the UBI's `OpenJDK` image: the repository of Maven lies below the directory of the artifacts, is filled by
/// `assemble` itself, and is what the next build gets.
#[test]
fn artifacts_in_their_own_directory_survive() {
    let Some(live) = live() else { return };
    let assemble = "#!/usr/bin/interpret
make-dir /app/src
copy /app/src
write /app/assemble-ran
if-exists /tmp/artifacts/m2/cached.jar write /app/save-artifacts-ran
make-dir /tmp/artifacts/m2
write /tmp/artifacts/m2/cached.jar jar
make-dir /tmp/.s2i
";
    let save = "#!/usr/bin/interpret\nwrite-archive /tmp/artifacts\n";
    let recipe = fixture::baked()
        .with("tmp/scripts/assemble", Entry::Text(0o755, assemble))
        .with("tmp/scripts/save-artifacts", Entry::Text(0o755, save));
    let builder = live.load("maven", &recipe);
    first(&live, &builder, &["--rm"]);
    second(&live, &builder, &["--rm"]);
    let layer = fixture::layer(&live);
    assert!(layer.contains_key(MARK), "{layer:?}");
    assert!(
        layer.contains_key("tmp/artifacts/m2/cached.jar"),
        "{layer:?}"
    );
}

/// An archive of no bytes is that of a script with nothing to save, and no reason for a warning.
#[test]
fn empty_archive_means_that_nothing_was_saved() {
    let Some(live) = live() else { return };
    let save = "#!/usr/bin/interpret\neprint nothing to save\n";
    let recipe = fixture::baked().with("tmp/scripts/save-artifacts", Entry::Text(0o755, save));
    let builder = live.load("empty", &recipe);
    let source = fixture::source(&live);
    fixture::build(&live, &builder, &[], &source).succeeds();
    let done = fixture::build(&live, &builder, &["--incremental"], &source).succeeds();
    done.says("nothing to save")
        .never_says("the archive is cut");
    assert!(!fixture::layer(&live).contains_key(MARK));
}

/// B-13: artifacts of a script that has failed are not used.
#[test]
fn artifacts_of_a_failed_script_are_not_used() {
    let Some(live) = live() else { return };
    let save =
        "#!/usr/bin/interpret\nwrite /tmp/src/save-artifacts-ran\nwrite-archive /tmp/src\nexit 1\n";
    let recipe = fixture::baked().with("tmp/scripts/save-artifacts", Entry::Text(0o755, save));
    let builder = live.load("failing", &recipe);
    let source = fixture::source(&live);
    fixture::build(&live, &builder, &[], &source).succeeds();
    let done = fixture::build(&live, &builder, &["--incremental"], &source).succeeds();
    done.says("a clean build");
    assert!(!fixture::layer(&live).contains_key(MARK));
}

/// B-14: a hard link among the artifacts is a file with its content.
#[test]
fn hard_links_of_artifacts_keep_their_content() {
    let Some(live) = live() else { return };
    let assemble = "#!/usr/bin/interpret
make-dir /app/src
copy /app/src
write /app/assemble-ran
if-exists /tmp/artifacts/second show-file /tmp/artifacts/second
make-dir /app/kept
if-exists /app/kept write /app/kept/first content-of-both
hard-link /app/kept/second /app/kept/first
";
    let save = "#!/usr/bin/interpret\nwrite-archive /app/kept\n";
    let recipe = fixture::baked()
        .with("tmp/scripts/assemble", Entry::Text(0o755, assemble))
        .with("tmp/scripts/save-artifacts", Entry::Text(0o755, save));
    let builder = live.load("linking", &recipe);
    let source = fixture::source(&live);
    fixture::build(&live, &builder, &[], &source)
        .succeeds()
        .never_says("content-of-both");
    fixture::build(&live, &builder, &["--incremental"], &source)
        .succeeds()
        .says("content-of-both");
}

/// `--incremental` and `--runtime-image`, which the Go tool refuses together.
#[test]
fn split_build_can_be_incremental() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    let runtime = live.load("runtime", &Recipe::runtime());
    let options = [
        "--incremental",
        "--runtime-image",
        &runtime,
        "-a",
        "/app/src",
    ];
    let source = fixture::source(&live);
    fixture::build(&live, &builder, &options, &source).succeeds();
    live.engine
        .remove_image(&live.image("app:latest-build"))
        .unwrap();
}
