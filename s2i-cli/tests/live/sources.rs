//! Sources: directories, repositories, servers on loopback.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    process::Command,
};

use s2i_core::label;

use crate::{
    harness::{Live, live, live_native, skip},
    images::Recipe,
    process::Running,
    repository::{Daemon, Repository, serve_files},
};

/// The instructions that print the state of the source.
fn state(text: &str) -> String {
    format!("print state: {text}\nmust-not-exist /tmp/src/.git\n")
}

/// A repository whose branch `main` has the state `main`, its tag `v1` and branch `old` the state
/// before, and whose work tree another one.
fn repository(live: &Live) -> Repository {
    let root = live.source(&[
        ("instructions", &state("old")),
        ("sub/instructions", &state("sub")),
    ]);
    let repository = Repository::of(&root);
    repository.git(&["tag", "v1"]);
    repository.git(&["branch", "old"]);
    fs::write(root.join("instructions"), state("main")).unwrap();
    repository.commit("Say main\n\nAt length.");
    fs::write(root.join("instructions"), state("work tree")).unwrap();
    repository
}

fn labels(live: &Live) -> HashMap<String, String> {
    let image = live.engine.image(&live.image("app")).unwrap();
    image.config.unwrap().labels.unwrap()
}

/// The container would be in its own source, and so without end.
#[test]
fn store_in_the_source_is_not_part_of_it() {
    let Some(live) = live_native("it has no store that could be in a source") else {
        return;
    };
    let source = live.source(&[
        ("instructions", "show-list /tmp/src/deep"),
        ("deep/file", "text"),
    ]);
    let (store, text) = (source.join("deep/store"), source.to_str().unwrap());
    let s2i = |args: &[&str]| {
        let mut command = live.command();
        command.args(["--engine", "native", "--store"]).arg(&store);
        Running::start(command.args(args)).finish()
    };
    let archive = Recipe::builder().write("builder", &live.path(""));
    s2i(&["load", "-i", archive.to_str().unwrap()]).succeeds();
    s2i(&[
        "build",
        "--copy",
        "--network",
        "none",
        text,
        "builder",
        "app",
    ])
    .succeeds()
    .says("\"file\"")
    .never_says("\"store\"");
}

#[test]
fn files_of_lfs_have_their_content_in_the_image() {
    const DIGEST: &str = "e292f0def1cdcf4f6c105008b52515ac0ad72622d5fc230a02cbd2b7bcb5f4e2";
    let Some(live) = live() else { return };
    let version = Command::new("git").args(["lfs", "version"]).output();
    if !version.unwrap().status.success() {
        return skip("git-lfs is not on this machine");
    }
    let pointer =
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{DIGEST}\nsize 15\n");
    let root = live.source(&[
        ("instructions", "show-file /tmp/src/model.bin\ncopy /app"),
        ("model.bin", &pointer),
        (".gitattributes", "*.bin filter=lfs\n"),
    ]);
    let repository = Repository::of(&root);
    live.engine.give(&root);
    live.build(&[], &repository.root)
        .ends_with(8)
        .says("can't fetch the content of `model.bin` with Git LFS");
    let dir = root.join(".git/lfs/objects/e2/92");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join(DIGEST), "the large file\n").unwrap();
    live.engine.give(&root);
    live.build(&[], &repository.root)
        .succeeds()
        .says("the large file");
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert_eq!(layer["app/model.bin"].size, 15);
}

#[test]
fn local_repository_is_built_from_its_commit_or_its_files() {
    let Some(live) = live() else { return };
    let repository = repository(&live);
    live.build(&[], &repository.root)
        .succeeds()
        .says("state: main")
        .says("uncommitted changes are not built");
    let labels = labels(&live);
    let id = repository.git(&["rev-parse", "HEAD"]);
    let expected = [
        (label::BUILD_COMMIT_ID, id.as_str()),
        (label::BUILD_COMMIT_REF, "main"),
        (label::BUILD_COMMIT_AUTHOR, "Ada Lovelace <ada@example.org>"),
        (label::BUILD_COMMIT_MESSAGE, "Say main"),
        (label::BUILD_COMMIT_DATE, "Sat Feb 3 04:05:06 2001 +0000"),
        (
            label::BUILD_SOURCE_LOCATION,
            repository.root.to_str().unwrap(),
        ),
        (label::DISPLAY_NAME, &live.image("app")),
    ];
    for (name, value) in expected {
        assert_eq!(labels.get(name).map(String::as_str), Some(value), "{name}");
    }
    let source = live.path("plain");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("instructions"), state("copied")).unwrap();
    live.build(&["--copy"], &source)
        .succeeds()
        .says("state: copied");
}

#[test]
fn every_notation_of_a_reference_works() {
    let Some(live) = live() else { return };
    let repository = repository(&live);
    let bare = live.path("app.git");
    repository.bare(&bare);
    let url = format!("file://{}", bare.display());
    let first = repository.git(&["rev-parse", "v1"]);
    for options in [
        ["--ref", "v1"],
        ["--ref", "old"],
        ["--ref", &first],
        ["--ref", &first[..8]],
    ] {
        live.build(&options, &url).succeeds().says("state: old");
    }
    live.build(&[], format!("{url}#v1"))
        .succeeds()
        .says("state: old");
    live.build(&["--ref", "main"], format!("{url}#v1"))
        .succeeds()
        .says("state: main");
    live.build(&["--context-dir", "sub"], &url)
        .succeeds()
        .says("state: sub");
    let labels = labels(&live);
    assert_eq!(labels[label::BUILD_SOURCE_CONTEXT_DIR], "sub");
    live.build(&["--ref", "nothing"], &url)
        .ends_with(8)
        .says("git fetch failed");
    live.build(&["--ref", "--upload-pack=x"], &url)
        .ends_with(2)
        .says("can't be the name of a branch, tag or commit");
}

#[test]
fn git_daemon_serves_the_source() {
    let Some(live) = live() else { return };
    repository(&live).bare(&live.path("app.git"));
    let daemon = Daemon::start(&live.path(""));
    let url = format!("{}/app.git", daemon.url);
    live.build(&[], &url).succeeds().says("state: main");
    assert_eq!(labels(&live)[label::BUILD_SOURCE_LOCATION], url);
    live.build(&[], format!("{url}#old"))
        .succeeds()
        .says("state: old");
    live.build(&[], format!("{}/other.git", daemon.url))
        .ends_with(8)
        .says("can't fetch");
}

#[test]
fn ssh_uses_the_command_of_the_environment() {
    let Some(live) = live() else { return };
    repository(&live).bare(&live.path("app.git"));
    // It acts as the server, and records its user.
    let ssh = live.path("ssh");
    let script = "#!/bin/sh\nid -u >\"$0.user\"\nshift $(($# - 1))\nexec sh -c \"$1\"\n";
    fs::write(&ssh, script).unwrap();
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    let url = format!("ssh://example.org{}", live.path("app.git").display());
    let args = live.build_args(live.builder(), &[], url.as_ref());
    let mut command = live.command();
    command
        .env("GIT_SSH", &ssh)
        .env("GIT_SSH_VARIANT", "simple");
    Running::start(command.args(live.engine.options()).args(args))
        .finish()
        .succeeds()
        .says("state: main");
    let user = fs::read_to_string(live.path("ssh.user")).unwrap();
    let caller = fs::metadata(live.path("")).unwrap().uid();
    assert_eq!(user.trim(), caller.to_string());
}

#[test]
fn source_does_not_select_the_git_program() {
    let Some(live) = live() else { return };
    let root = live.source(&[("instructions", "print assembled")]);
    let git = root.join("git");
    fs::write(&git, "#!/bin/sh\necho from the source >&2\nexit 1\n").unwrap();
    fs::set_permissions(&git, fs::Permissions::from_mode(0o755)).unwrap();
    Repository::of(&root);
    let usual = std::env::var("PATH").unwrap();
    for before in [":", ".:"] {
        let args = live.build_args(live.builder(), &[], root.as_ref());
        let mut command = live.command();
        command.env("PATH", format!("{before}{usual}"));
        Running::start(command.args(live.engine.options()).args(args))
            .finish()
            .succeeds()
            .says("assembled")
            .never_says("from the source");
    }
}

#[test]
fn dumb_http_serves_the_source_and_credentials_are_hidden() {
    let Some(live) = live() else { return };
    repository(&live).bare(&live.path("app.git"));
    let url = serve_files(&live.path(""));
    let with_credentials = url.replace("http://", "http://ada:hunter2@");
    live.build(&[], format!("{with_credentials}/app.git"))
        .succeeds()
        .says("state: main")
        .never_says("hunter2");
    assert_eq!(
        labels(&live)[label::BUILD_SOURCE_LOCATION],
        format!("{url}/app.git")
    );
    live.build(&["--ref", "v1"], format!("{url}/app.git"))
        .succeeds()
        .says("state: old");
    live.build(&[], format!("{with_credentials}/other.git"))
        .ends_with(8)
        .never_says("hunter2");
}

#[test]
fn excluded_files_are_not_uploaded() {
    let Some(live) = live() else { return };
    let source = live.source(&[
        (
            "instructions",
            "show-list /tmp/src\nmust-not-exist /tmp/src/logs/x",
        ),
        (".s2iignore", "*.log\nlogs/\n!keep.log\n"),
        ("a.log", ""),
        ("keep.log", ""),
        ("logs/x", ""),
        ("secret.key", ""),
    ]);
    live.build(&["--exclude", r"\.key$"], source)
        .succeeds()
        .says("\"keep.log\"")
        .never_says("\"a.log\"")
        .never_says("\"secret.key\"");
}

#[test]
fn context_directories_of_a_commit_give_different_images() {
    let Some(live) = live() else { return };
    let lists = "copy /app\nshow-list /tmp/src\n";
    let root = live.source(&[
        ("instructions", lists),
        ("secret.key", "key"),
        ("sub/instructions", lists),
        ("sub/part", ""),
    ]);
    let repository = Repository::of(&root);
    let has_key = || {
        let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
        layer.contains_key("app/secret.key")
    };
    live.build(&[], &root).succeeds().says("\"secret.key\"");
    assert!(has_key());
    let exclude = r"(^|/)\.git(/|$)|secret\.key";
    live.build(&["--exclude", exclude], &root)
        .succeeds()
        .says("\"instructions\"")
        .never_says("\"secret.key\"");
    assert!(!has_key());
    live.build(&["--context-dir", "sub"], &root)
        .succeeds()
        .says("\"part\"")
        .never_says("\"secret.key\"");
    fs::write(root.join(".s2iignore"), "*.key\n").unwrap();
    repository.commit("Leave out the key");
    live.build(&[], &root)
        .succeeds()
        .says("\".s2iignore\"")
        .never_says("\"secret.key\"");
    assert!(!has_key());
}
