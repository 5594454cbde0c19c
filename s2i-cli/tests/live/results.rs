//! The use of the result of a build, and images that are built again.

use std::fs;

use s2i_core::label;

use crate::{
    harness::{has_network, live, skip},
    images::Recipe,
    process::Stream,
    repository::Repository,
};

#[test]
fn image_is_built_again_from_its_labels() {
    let Some(live) = live() else { return };
    if !has_network() {
        return skip("`s2i rebuild` has no option for the network");
    }
    let source = live.source(&[("file", "text")]);
    Repository::of(&source);
    live.build(&[], &source).succeeds();
    let (app, again) = (live.image("app"), live.image("again"));
    let done = live.s2i(["rebuild", &app, &again]).succeeds();
    assert_eq!(done.stream(Stream::Stdout), [&*again]);
    let labels = |name| live.config(name).labels.unwrap();
    let (old, new) = (labels("app"), labels("again"));
    for name in [
        label::BUILD_COMMIT_ID,
        label::BUILD_IMAGE,
        label::BUILD_SOURCE_LOCATION,
    ] {
        assert_eq!(old[name], new[name], "{name}");
    }
}

#[test]
fn previous_image_is_removed_unless_it_has_another_name() {
    let Some(live) = live() else { return };
    let source = live.source(&[("file", "1")]);
    let app = live.image("app");
    let build = |text: &str| {
        fs::write(source.join("file"), text).unwrap();
        live.build(&["--incremental=true", "--rm"], &source)
            .succeeds();
        live.engine.image(&app).unwrap().id
    };
    let first = build("1");
    let second = build("2");
    assert!(first.is_none() || live.engine.image(&first.unwrap()).is_none());
    let kept = live.image("kept");
    live.s2i(["tag", &app, &kept]).succeeds();
    build("3");
    assert_eq!(live.engine.image(&kept).unwrap().id, second);
}

/// The reference on standard output is one that the engine runs, and `--run` runs it at once.
#[test]
fn result_can_be_run() {
    let Some(live) = live() else { return };
    let source = live.source(&[("file", "text")]);
    let done = live.build(&["-q"], &source).succeeds();
    let [reference] = done.stream(Stream::Stdout)[..] else {
        panic!("one line")
    };
    live.s2i(["run", "--network", "none", reference])
        .succeeds()
        .says("run ended");
    if !has_network() {
        return;
    }
    live.build(&["--run=true"], &source)
        .succeeds()
        .says("as a result of the --run=true option")
        .says("run ended");
}

/// On every engine, and in the manifest where s2i writes it.
#[test]
fn result_has_the_labels_of_oci_and_describes_its_build() {
    let Some(live) = live() else { return };
    let source = live.source(&[("file", "text")]);
    let repository = Repository::of(&source);
    repository.git(&["tag", "v1"]);
    let url = "https://me:secret@example.org/app.git";
    repository.git(&["remote", "add", "origin", url]);
    let commit = repository.git(&["rev-parse", "HEAD"]);
    let commit = commit.trim();
    let archive = live.path("app.tar");
    let output = archive.display().to_string();
    let option = format!("{}=mine", label::OCI_VERSION);
    let mut recipe = Recipe::builder();
    recipe.labels.extend([
        (label::OCI_SOURCE, "https://example.org/builder"),
        (label::OCI_BASE_DIGEST, "sha256:of the builder's base"),
        (label::BUILD_SOURCE_CONTEXT_DIR, "builder"),
    ]);
    let builder = live.load("own-builder", &recipe);
    for (options, version) in [(&[][..], "v1"), (&["--label", &option], "mine")] {
        let options = [options, &["-o", &output]].concat();
        live.build_with(&builder, &options, &source).succeeds();
        let labels = live.config("app").labels.unwrap();
        assert_eq!(labels[label::OCI_BASE_DIGEST], "");
        assert_eq!(labels[label::BUILD_SOURCE_CONTEXT_DIR], "");
        assert_eq!(labels[label::OCI_SOURCE], "https://example.org/app.git");
        assert_eq!(labels[label::OCI_REVISION], commit);
        assert_eq!(labels[label::OCI_VERSION], version);
        assert_eq!(labels[label::OCI_BASE_NAME], labels[label::BUILD_IMAGE]);
        assert!(labels[label::OCI_CREATED].ends_with('Z'));
    }
    if live.engine.is_native() {
        let text = fs::read(&archive).unwrap();
        let text = String::from_utf8_lossy(&text);
        let annotation = format!("\"annotations\":{{\"{}\"", label::OCI_BASE_NAME);
        assert!(text.contains(&annotation));
    }
    let app = live.image("app");
    live.s2i(["inspect", &app])
        .succeeds()
        .says(&format!("commit:            {commit}"))
        .says("repository:        https://example.org/app.git")
        .says("rebuild:           yes");
}
