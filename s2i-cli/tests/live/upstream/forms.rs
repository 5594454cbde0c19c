//! Scenarios 46, 48, 49, 55 and 62: the forms in which a source can be named.

use std::{fs, path::Path};

use s2i_core::label;

use crate::{
    harness::{Live, live},
    process::{Done, Running},
    repository::{Daemon, Repository, serve_files},
};

/// A repository of two commits whose `assemble` prints the state that it is given.
fn repository(live: &Live) -> Repository {
    let root = live.source(&[
        ("instructions", "print state: first\n"),
        ("sub/instructions", "print state: sub\n"),
    ]);
    let repository = Repository::of(&root);
    repository.git(&["tag", "v1"]);
    fs::write(root.join("instructions"), "print state: second\n").unwrap();
    repository.commit("second");
    repository
}

fn location(live: &Live) -> String {
    let image = live.engine.image(&live.image("app")).expect("the image");
    image.config.unwrap().labels.unwrap()[label::BUILD_SOURCE_LOCATION].clone()
}

/// The path of a source as the label has it, from which a later rebuild in any directory finds it.
#[test]
fn local_source_is_named_by_any_form_of_its_path() {
    let Some(live) = live() else { return };
    let root = repository(&live).root;
    let absolute = root.to_str().unwrap().to_owned();
    for form in [
        "source",
        "./source",
        &absolute,
        &format!("file://{absolute}"),
    ] {
        live.build(&[], form).succeeds().says("state: second");
        let location = location(&live);
        assert_eq!(location.trim_start_matches("file://"), absolute, "{form}");
    }
}

#[test]
fn remote_repositories_are_fetched_by_every_protocol() {
    let Some(live) = live() else { return };
    repository(&live).bare(&live.path("app.git"));
    let http = serve_files(&live.path(""));
    let daemon = Daemon::start(&live.path(""));
    for url in [&http, &daemon.url] {
        let url = format!("{url}/app.git");
        live.build(&[], &url).succeeds().says("state: second");
        assert_eq!(location(&live), url);
    }
}

#[test]
fn scheme_may_be_in_capitals() {
    let Some(live) = live() else { return };
    repository(&live).bare(&live.path("app.git"));
    let url = serve_files(&live.path("")).replace("http://", "HTTP://");
    live.build(&[], format!("{url}/app.git"))
        .succeeds()
        .says("state: second");
}

/// A `transport::address` of Git names a program that Git starts. The one that stands for HTTP itself is harmless.
#[test]
fn transport_of_git_is_understood_where_it_is_http() {
    let Some(live) = live() else { return };
    repository(&live).bare(&live.path("app.git"));
    let url = format!("http::{}/app.git", serve_files(&live.path("")));
    live.build(&[], &url).succeeds().says("state: second");
    live.build(&[], "ext::sh -c touch% ran")
        .ends_with(2)
        .never_says("state:");
    assert!(!live.path("ran").exists());
}

#[test]
fn revisions_are_those_of_git() {
    let Some(live) = live() else { return };
    repository(&live).bare(&live.path("app.git"));
    let url = format!("{}/app.git", serve_files(&live.path("")));
    for reference in ["HEAD~1", "v1^{commit}", "main~1", "v1"] {
        live.build(&["--ref", reference], &url)
            .succeeds()
            .says("state: first");
    }
    live.build(&["--ref", "origin/main"], &url)
        .succeeds()
        .says("state: second");
    // B-38: what could be an option of Git is none.
    live.build(&["--ref", "--orphan"], &url).ends_with(2);
}

/// B-20: a reference in the source argument counts, also together with an empty `--ref`.
#[test]
fn reference_in_the_source_is_honoured() {
    let Some(live) = live() else { return };
    let root = repository(&live).root;
    let form = format!("{}#v1", root.display());
    live.build(&[], &form).succeeds().says("state: first");
    live.build(&["--ref", ""], &form)
        .succeeds()
        .says("state: first");
    live.build(&["--ref", "main"], &form)
        .succeeds()
        .says("state: second");
}

/// B-12: neither the label nor a line has the password of a URL.
#[test]
fn password_of_a_url_is_nowhere() {
    let Some(live) = live() else { return };
    repository(&live).bare(&live.path("app.git"));
    let url = serve_files(&live.path(""));
    let with_password = url.replace("http://", "http://ada:hunter2@");
    live.build(&["--loglevel", "5"], format!("{with_password}/app.git"))
        .succeeds()
        .never_says("hunter2");
    assert_eq!(location(&live), format!("{url}/app.git"));
}

/// The history of a clone whose `.git` is asked for: `git describe` works in `assemble`.
#[test]
fn exclude_of_nothing_keeps_the_history() {
    let Some(live) = live() else { return };
    let root = repository(&live).root;
    let lines = "must-not-exist /tmp/src/.git/shallow\nshow-list /tmp/src/.git
if-exists /tmp/src/.git/packed-refs show-file /tmp/src/.git/packed-refs
if-exists /tmp/src/.git/refs/tags/v1 print refs/tags/v1
";
    fs::write(root.join("instructions"), lines).unwrap();
    let repository = Repository { root };
    repository.commit("third");
    let bare = live.path("app.git");
    repository.bare(&bare);
    let done = live.build(
        &["--exclude", "", "--keep-source"],
        format!("file://{}", bare.display()),
    );
    done.succeeds().says("\"HEAD\"").says("refs/tags/v1");
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert!(!layer.contains_key("tmp/src/.git/shallow"), "{layer:?}");
}

/// Runs `s2i build` in a directory of the test.
fn build_in(live: &Live, dir: &Path, args: &[&str]) -> Done {
    let (builder, app) = (live.builder().to_owned(), live.image("app"));
    live.engine.remove_image(&app).unwrap();
    let mut command = live.command();
    command.args(live.engine.options());
    command.args(["build", "--network", "none"]).args(args);
    command.args([&builder, &app]).current_dir(dir);
    Running::start(&mut command).finish()
}

/// B-22: the result may lie beside the source under a name that begins as the source's does.
#[test]
fn names_that_begin_alike_are_two_directories() {
    let Some(live) = live() else { return };
    let source = live.source(&[("instructions", "print state: found")]);
    let beside = live.path("source-out");
    fs::create_dir(&beside).unwrap();
    build_in(&live, &beside, &["--copy", source.to_str().unwrap()])
        .succeeds()
        .says("state: found");
}

/// B-24: the expression is for paths in the source. The way to the source does not count.
#[test]
fn exclude_is_for_paths_in_the_source() {
    let Some(live) = live() else { return };
    let source = live.source(&[
        ("instructions", "show-list /tmp/src"),
        ("live-notes", ""),
        ("kept", ""),
    ]);
    assert!(source.to_str().unwrap().contains("live-"));
    live.build(&["--copy", "--exclude", "live-"], &source)
        .succeeds()
        .says("\"kept\"")
        .never_says("\"live-notes\"");
}

/// B-23: what is ignored leaves nothing, not even an empty file.
#[test]
fn ignored_files_leave_no_empty_file() {
    let Some(live) = live() else { return };
    let source = live.source(&[
        ("instructions", "show-list /tmp/src"),
        (".s2iignore", "notes\n.s2iignore\n"),
        ("notes", "text"),
    ]);
    live.build(&["--copy"], &source)
        .succeeds()
        .says("\"instructions\"")
        .never_says("\"notes\"")
        .never_says("\".s2iignore\"");
}

/// B-3: a pattern with `..` reaches nothing outside of the source.
#[test]
fn ignore_file_removes_nothing_outside_of_the_source() {
    let Some(live) = live() else { return };
    fs::write(live.path("precious"), "text").unwrap();
    let source = live.source(&[
        ("instructions", "print state: built"),
        (".s2iignore", "../precious\n/../precious\n"),
    ]);
    live.build(&["--copy"], &source)
        .succeeds()
        .says("state: built");
    assert_eq!(fs::read(live.path("precious")).unwrap(), b"text");
}

/// B-2: a command without a source does not perform the ignore file of the working directory.
#[test]
fn usage_performs_no_ignore_file() {
    let Some(live) = live() else { return };
    fs::write(live.path(".s2iignore"), "precious\n").unwrap();
    fs::write(live.path("precious"), "text").unwrap();
    let recipe = crate::images::Recipe::builder()
        .with("usr/libexec/s2i/usage", crate::images::Entry::Program);
    let builder = live.load("usage", &recipe);
    live.s2i(["usage", &builder]).succeeds();
    assert_eq!(fs::read(live.path("precious")).unwrap(), b"text");
}
