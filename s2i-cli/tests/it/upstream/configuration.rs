//! Section 15 of the contract: `--use-config` and its file.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::Value;

use super::Place;

const NO_ENGINE: i32 = 20;

fn place() -> Place {
    let place = Place::new();
    place.write("app/file", "text");
    place.write("secret/file", "text");
    place
}

fn saved(place: &Place) -> Value {
    serde_json::from_str(&place.read(".s2ifile")).unwrap()
}

#[test]
fn build_is_saved_before_the_engine_is_asked() {
    let place = place();
    let line = [
        "build",
        "app",
        "s2i/builder",
        "web",
        "-c",
        "-e",
        "A=b",
        "-e",
        "C=d",
    ];
    place
        .s2i(&[&line[..], &["--use-config"]].concat())
        .ends_with(NO_ENGINE);
    let saved = saved(&place);
    assert_eq!(saved["source"], "app");
    assert_eq!(saved["builderImage"], "s2i/builder");
    assert_eq!(saved["tag"], "web");
    let flags = &saved["flags"];
    assert_eq!(flags["copy"], "true");
    assert_eq!(
        (&flags["env-0"], &flags["env-1"]),
        (&"A=b".into(), &"C=d".into())
    );
    // The names are enough from now on, and what is given counts more.
    place.s2i(&["build", "--use-config"]).ends_with(NO_ENGINE);
    let line = ["build", "app", "s2i/builder", "other", "--use-config"];
    place.s2i(&line).ends_with(NO_ENGINE);
    assert_eq!(self::saved(&place)["tag"], "other");
}

/// B-36: values may be secrets, so that the file is its owner's alone.
#[test]
fn saved_build_is_private() {
    let place = place();
    let line = [
        "build",
        "app",
        "s2i/builder",
        "web",
        "-e",
        "A=b",
        "--use-config",
    ];
    place.s2i(&line).ends_with(NO_ENGINE);
    let mode = fs::metadata(place.path(".s2ifile"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

/// B-32: lists are the same after any number of rounds.
#[test]
fn lists_survive_being_saved() {
    let place = place();
    let line = [
        "build",
        "app",
        "s2i/builder",
        "web",
        "--use-config",
        "--cap-drop",
        "KILL,MKNOD",
        "--inject",
        "secret:/tmp;secret:here",
        "--inject",
        "secret:there",
    ];
    place.s2i(&line).ends_with(NO_ENGINE);
    let first = saved(&place);
    for _ in 0..2 {
        place.s2i(&["build", "--use-config"]).ends_with(NO_ENGINE);
        assert_eq!(saved(&place), first);
    }
}

/// The file may have the old name, and be of another version. B-31: an unknown option in it is no crash.
#[test]
fn saved_build_of_the_go_tool_is_read() {
    let place = place();
    let text = r#"{"source":"app","builderImage":"s2i/builder","tag":"web",
        "flags":{"env":"A=b,C=d","incremental":"true","copy":"true"}}"#;
    place.write(".stifile", text);
    place
        .s2i(&["build", "--use-config"])
        .ends_with(NO_ENGINE)
        .warns(".stifile");
    fs::remove_file(place.path(".stifile")).unwrap();
    let unknown = text.replace("incremental", "no-such-option");
    place.write(".s2ifile", &unknown);
    let done = place.s2i(&["build", "--use-config"]);
    assert!(matches!(done.code, Some(1..=99)), "{:?}", done.code);
    done.warns("no-such-option");
}
