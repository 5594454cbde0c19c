//! `s2i create`: the skeleton of a builder image builds by `s2i build` and passes its own test.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use crate::{
    harness::{Live, has_network, skip},
    kit,
    process::Running,
};

/// The smallest base with the tools that the skeleton needs.
const BASE: &str = "s2i/binary";

#[test]
fn skeleton_passes_its_own_test() {
    let Some(live) = kit::with(&[BASE]) else {
        return;
    };
    if !has_network() {
        return skip("containers of this engine have no network");
    }
    for program in ["make", "curl"] {
        if Command::new(program).arg("--version").output().is_err() {
            return skip(&format!("there is no {program}"));
        }
    }
    let builder = live.image("builder");
    // The images of the skeleton's test, which are removed here if it is interrupted.
    for name in ["candidate", "candidate-testapp", "candidate-testapp-first"] {
        live.image(&format!("builder-{name}"));
    }
    live.s2i(["create", &builder, "skeleton"]).succeeds();
    let done = make(&live, &["BY=s2i", &format!("BASE={BASE}"), "test"]).finish();
    let done = done.succeeds();
    let lines: Vec<_> = done.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(lines.last(), Some(&"===> passed"), "{lines:?}");
    for name in ["candidate-testapp", "candidate-testapp-first"] {
        let name = live.image(&format!("builder-{name}"));
        assert!(live.engine.image(&name).is_none(), "{name} is left");
    }
}

/// The base has other scripts, which do not restore artifacts in the way that the test expects.
#[test]
fn test_of_the_skeleton_fails_for_another_builder() {
    let Some(live) = kit::with(&[BASE]) else {
        return;
    };
    let builder = live.image("builder");
    let images = ["testapp", "testapp-first"].map(|name| live.image(&format!("builder-{name}")));
    live.s2i(["create", &builder, "skeleton"]).succeeds();
    live.s2i(["tag", BASE, &builder]).succeeds();
    let mut test = command(&live, &live.path("skeleton/test/run"));
    let done = Running::start(test.env("IMAGE_NAME", &builder)).finish();
    assert_eq!(done.status.code(), Some(1));
    let mut lines = done.lines.iter();
    assert!(lines.any(|line| line.text.starts_with("FAILED: ")));
    for name in images {
        assert!(live.engine.image(&name).is_none(), "{name} is left");
    }
}

fn make(live: &Live, args: &[&str]) -> Running {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let mut make = command(live, "make".as_ref());
    Running::start(make.args(args).env("PORT", port))
}

/// A program in the directory of the skeleton, which finds the `s2i` under test with the options of its engine.
fn command(live: &Live, program: &Path) -> Command {
    let s2i = live.command();
    let options = live.engine.options();
    let words = std::iter::once(s2i.get_program())
        .chain(s2i.get_args())
        .chain(options.iter().map(AsRef::as_ref));
    let words: Vec<_> = words
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    let programs = live.path("programs");
    fs::create_dir(&programs).unwrap();
    let wrapper = programs.join("s2i");
    fs::write(
        &wrapper,
        format!("#!/bin/sh\nexec {} \"$@\"\n", words.join(" ")),
    )
    .unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&path)));
    let mut command = Command::new(program);
    command
        .current_dir(live.path("skeleton"))
        .env_clear()
        .envs(
            s2i.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("PATH", path.unwrap());
    command
}
