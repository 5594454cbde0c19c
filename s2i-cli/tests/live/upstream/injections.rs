//! Scenarios 20 and 21: files that are there while `assemble` runs, and in no image.

use std::{fs, path::PathBuf};

use super::fixture;
use crate::{
    harness::{Live, live},
    images::Entry,
};

/// The content of the injected file.
const SECRET: &str = "the-injected-secret-0123456789abcdef";

/// A directory with a file to inject.
fn injected(live: &Live) -> PathBuf {
    let dir = live.path("injected");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("secret"), SECRET).unwrap();
    dir
}

/// Fails when a file of the image has the injected bytes, or has the size of what the Go tool leaves in their place.
#[track_caller]
fn check_nothing_stays(live: &Live, names: &[&str]) {
    let layer = fixture::layer(live);
    for name in names
        .iter()
        .chain(&["tmp/injection-result", "tmp/rm-injections"])
    {
        assert!(!layer.contains_key(*name), "{name} is in {layer:?}");
    }
    let archive = live.path("app.tar");
    live.s2i([
        "export",
        &live.image("app"),
        "-o",
        archive.to_str().unwrap(),
    ])
    .succeeds();
    let bytes = fs::read(&archive).unwrap();
    let mut windows = bytes.windows(SECRET.len());
    assert!(!windows.any(|window| window == SECRET.as_bytes()));
    fs::remove_file(archive).unwrap();
}

#[test]
fn injected_files_are_there_for_assemble_alone() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    let dir = injected(&live);
    let dir = dir.to_str().unwrap();
    let [absolute, own, two] = [
        format!("{dir}:/tmp"),
        format!("{dir}:"),
        format!("{dir}:test;{dir}:test2"),
    ];
    let options = ["-i", &absolute, "--inject", &own, "-i", &two];
    fixture::build(&live, &builder, &options, &fixture::source(&live)).succeeds();
    fixture::check_clean(&live);
    let layer = fixture::layer(&live);
    for mark in ["app/secret-delivered", "app/relative-secret-delivered"] {
        assert!(layer.contains_key(mark), "no {mark} in {layer:?}");
    }
    let work_dir = "opt/app-root/src";
    let names = ["secret", "test/secret", "test2/secret"].map(|name| format!("{work_dir}/{name}"));
    let mut names: Vec<_> = names.iter().map(String::as_str).collect();
    names.push("tmp/secret");
    check_nothing_stays(&live, &names);
}

#[test]
fn destination_without_a_parent_is_an_error() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    let injection = format!("{}:/bad/dir", injected(&live).display());
    let done = fixture::build(
        &live,
        &builder,
        &["-i", &injection],
        &fixture::source(&live),
    );
    assert_ne!(done.status.code(), Some(0));
    done.says("/bad").never_says(SECRET);
    live.nothing_left();
}

#[test]
fn injection_of_nothing_is_an_error() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    for injection in ["/nowhere/at/all:/tmp", "a:b*c"] {
        let done = fixture::build(&live, &builder, &["-i", injection], &fixture::source(&live));
        let code = done.status.code();
        assert!(matches!(code, Some(1..=99)), "{injection}: {code:?}");
        live.nothing_left();
    }
}

/// A builder whose `assemble` does this first.
fn doing(live: &Live, lines: &str) -> String {
    let script = fixture::ASSEMBLE.replacen('\n', &format!("\n{lines}\n"), 1);
    let recipe = fixture::baked().with("tmp/scripts/assemble", Entry::Text(0o755, script.leak()));
    live.load("doing", &recipe)
}

/// B-29: `.` is a directory like any other, and its content goes to the destination.
#[test]
fn working_directory_is_injected_to_its_destination() {
    let Some(live) = live() else { return };
    let builder = doing(
        &live,
        "show-file /opt/app-root/src/here/secret\nmust-not-exist /opt/app-root/src/secret",
    );
    let dir = injected(&live);
    let source = fixture::source(&live);
    let (app, source) = (live.image("app"), source.to_str().unwrap().to_owned());
    let mut command = live.command();
    command.current_dir(dir).args(live.engine.options());
    command.args(["build", "--copy", "--network", "none"]);
    command.args(["-i", ".:/opt/app-root/src/here", &source, &builder, &app]);
    crate::process::Running::start(&mut command)
        .finish()
        .succeeds();
    check_nothing_stays(&live, &["opt/app-root/src/here/secret"]);
}

/// B-37: injected files are for the user of `assemble` to read, and for no other user to change.
#[test]
fn injected_files_are_not_writable_by_all() {
    let Some(live) = live() else { return };
    let builder = doing(
        &live,
        "show-mode /tmp/injected/secret\nshow-mode /tmp/injected",
    );
    let injection = format!("{}:/tmp/injected", injected(&live).display());
    let done = fixture::build(
        &live,
        &builder,
        &["-i", &injection],
        &fixture::source(&live),
    );
    let done = done.succeeds();
    let modes = done.lines.iter().filter_map(|line| {
        let (_, mode) = line.text.split_once(" has mode ")?;
        u32::from_str_radix(mode, 8).ok()
    });
    let modes: Vec<_> = modes.collect();
    assert_eq!(modes.len(), 2, "{modes:?}");
    assert!(modes.iter().all(|mode| mode & 0o002 == 0), "{modes:?}");
}

/// A file of the image that has the injected bytes would give them to all who have the image.
#[test]
fn result_with_the_injected_bytes_is_not_made() {
    let Some(live) = live() else { return };
    let builder = doing(&live, "copy-file /tmp/injected/secret /app/copy");
    let injection = format!("{}:/tmp/injected", injected(&live).display());
    let done = fixture::build(
        &live,
        &builder,
        &["-i", &injection],
        &fixture::source(&live),
    );
    assert_ne!(done.status.code(), Some(0));
    done.says("app/copy").never_says(SECRET);
    live.nothing_left();
}

/// A directory that `assemble` removes is what would have been removed anyway.
#[test]
fn injected_directory_may_be_removed_by_assemble() {
    let Some(live) = live() else { return };
    if live.engine.is_native() {
        return crate::harness::skip("an injected directory may be a mount there");
    }
    let builder = doing(&live, "remove /tmp/injected/secret");
    let injection = format!("{}:/tmp/injected", injected(&live).display());
    fixture::build(
        &live,
        &builder,
        &["-i", &injection],
        &fixture::source(&live),
    )
    .succeeds();
    check_nothing_stays(&live, &["tmp/injected/secret"]);
}
