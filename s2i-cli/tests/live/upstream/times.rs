//! Scenario 68: the times and modes of files.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use crate::{
    harness::{Live, live},
    process::Running,
    repository::Repository,
};

/// Times of two states of a page, in seconds since 1970.
const OLD: u64 = 1_600_000_000;
const NEW: u64 = 1_700_000_000;

/// The time of every commit in these tests: 2001-02-03 04:05:06 UTC.
const COMMIT: u64 = 981_173_106;

fn touch(path: &Path, seconds: u64) {
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    let file = File::options().read(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

/// Times of files in the layer of the image `app`.
fn times<const N: usize>(live: &Live, names: [&str; N]) -> [u64; N] {
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    names.map(|name| {
        layer
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {layer:?}"))
            .mtime
    })
}

/// A source whose files have the old time.
fn source(live: &Live) -> std::path::PathBuf {
    let source = live.source(&[
        ("instructions", "copy /app\nwrite /app/made text"),
        ("page", "1"),
    ]);
    touch(&source.join("instructions"), OLD);
    touch(&source.join("page"), OLD);
    touch(&source, OLD);
    source
}

/// A browser that asks with the time of the old page gets the new one.
#[test]
fn changed_page_has_another_time() {
    let Some(live) = live() else { return };
    let source = source(&live);
    live.build(&["--copy"], &source).succeeds();
    assert_eq!(times(&live, ["app/page", "app/made"]), [OLD; 2]);
    fs::write(source.join("page"), "2").unwrap();
    touch(&source.join("page"), NEW);
    live.build(&["--copy"], &source).succeeds();
    assert_eq!(times(&live, ["app/page", "app/made"]), [NEW; 2]);
}

#[test]
fn source_keeps_its_own_times() {
    let Some(live) = live() else { return };
    let source = source(&live);
    touch(&source.join("page"), NEW);
    live.build(&["--copy", "--keep-source"], &source).succeeds();
    let names = ["tmp/src/instructions", "tmp/src/page", "app/made"];
    assert_eq!(times(&live, names), [OLD, NEW, NEW]);
}

#[test]
fn commit_dates_its_files() {
    let Some(live) = live() else { return };
    let source = source(&live);
    Repository::of(&source);
    live.build(&["--keep-source"], &source).succeeds();
    let names = ["tmp/src/page", "app/page", "app/made"];
    assert_eq!(times(&live, names), [COMMIT; 3]);
}

#[test]
fn epoch_is_the_latest_time_of_all() {
    let Some(live) = live() else { return };
    let source = source(&live);
    touch(&source.join("page"), NEW);
    let mut command = live.command();
    let args = live.build_args(
        live.builder(),
        &["--copy", "--keep-source"],
        source.as_os_str(),
    );
    command.env("SOURCE_DATE_EPOCH", (OLD + 1).to_string());
    Running::start(command.args(live.engine.options()).args(args))
        .finish()
        .succeeds();
    let names = ["tmp/src/instructions", "tmp/src/page", "app/made"];
    assert_eq!(times(&live, names), [OLD, OLD + 1, OLD + 1]);
}

/// The same tree with the same times is the same layer, and one with another time is another build.
#[test]
fn times_are_part_of_what_is_built() {
    let Some(live) = live() else { return };
    let source = source(&live);
    let layers = || {
        live.build(&["--copy"], &source).succeeds();
        live.engine.layers(&live.image("app"), &live.path(""))
    };
    let first = layers();
    if !live.engine.is_podman() {
        assert_eq!(layers(), first);
    }
    touch(&source.join("page"), NEW);
    assert_ne!(layers(), first);
}

#[test]
fn modes_are_those_of_the_source() {
    let Some(live) = live() else { return };
    let source = source(&live);
    for (name, mode) in [("page", 0o600), ("instructions", 0o640), ("tool", 0o700)] {
        fs::write(
            source.join(name),
            fs::read(source.join("instructions")).unwrap(),
        )
        .unwrap();
        fs::set_permissions(source.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    live.build(&["--copy", "--keep-source"], &source).succeeds();
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    for (name, mode) in [("page", 0o600), ("instructions", 0o640), ("tool", 0o700)] {
        assert_eq!(
            layer[&format!("tmp/src/{name}")].mode & 0o777,
            mode,
            "{name}"
        );
    }
}
