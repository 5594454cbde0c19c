//! How a container fails that can't be made: once, and in words.

use std::{fs, os::unix::fs::PermissionsExt as _};

use s2i_core::wire::{Exit, Failure, Frame, Kind};
use s2i_native::sandbox::Bind;

use crate::scene::{Scene, can_run};

crate::tests!(
    commands_fail_as_with_docker_run,
    commands_end_as_with_docker_run,
    an_agent_fails_in_a_frame,
    missing_paths_of_the_host_are_named,
);

/// Command and user, and the exit status and the message that they give.
type Row = (&'static str, &'static str, u8, &'static str);

const FAILURES: &[Row] = &[
    (
        "none",
        "",
        127,
        "there is no program `none` on the path `/usr/",
    ),
    ("/none", "", 127, "there is no `/none`"),
    ("/etc/passwd", "", 126, "`/etc/passwd` is not executable"),
    ("plain", "", 126, "`/usr/bin/plain` is not executable"),
    ("/etc", "", 126, "`/etc` is not executable for the user"),
    (
        "lost",
        "",
        127,
        "`/usr/bin/lost` can't start: its interpreter",
    ),
    (
        "private",
        "user",
        126,
        "`/usr/bin/private` is not executable",
    ),
    ("sh", "nobody", 125, "the image has no user `nobody`"),
    ("sh", "user:none", 125, "the image has no group `none`"),
    ("", "", 125, "the image has no command"),
];

fn commands_fail_as_with_docker_run() {
    if !can_run("failing commands") {
        return;
    }
    for (program, user, code, message) in FAILURES {
        let mut scene = Scene::of(&[program]);
        scene.direct().user = (*user).into();
        let bin = scene.sandbox.upper.join("usr/bin");
        fs::create_dir_all(&bin).unwrap();
        for (name, content, mode) in [
            ("plain", "x", 0o644),
            ("lost", "#!/none\n", 0o755),
            ("private", "#!/bin/sh\n", 0o700),
        ] {
            fs::write(bin.join(name), content).unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let outcome = scene.run();
        assert_eq!(outcome.exit, Exit::Code(*code), "{program}: {outcome:?}");
        let is_told = outcome.err.starts_with(&format!("s2i: {message}"));
        assert!(
            is_told && outcome.err.lines().count() == 1,
            "{program}: {outcome:?}"
        );
    }
}

fn commands_end_as_with_docker_run() {
    if !can_run("ending commands") {
        return;
    }
    let killed = "sleep 9 & kill -9 $!; wait $!";
    for (script, code) in [("exit 7", 7), (killed, 137), ("kill -9 $$; exit 3", 3)] {
        let outcome = Scene::script(script).run();
        assert_eq!(outcome.exit, Exit::Code(code), "{script}: {outcome:?}");
    }
}

fn an_agent_fails_in_a_frame() {
    if !can_run("a failing agent") {
        return;
    }
    let mut scene = Scene::of(&[]).for_agent(true);
    scene.sandbox.lowers.push("/none".into());
    let outcome = scene.run();
    assert_eq!((outcome.exit, outcome.err.as_str()), (Exit::Code(125), ""));
    let mut frames = outcome.out.as_bytes();
    let frame = Frame::read_from(&mut frames, Vec::new()).unwrap().unwrap();
    assert!(frames.is_empty());
    assert_eq!(frame.kind, Kind::Failure);
    let failure: Failure = frame.parse().unwrap();
    let expected = "can't use `/none`: No such file or directory (os error 2)";
    assert_eq!(failure.message, expected);
}

fn missing_paths_of_the_host_are_named() {
    if !can_run("missing directories") {
        return;
    }
    let mut scene = Scene::script("true");
    scene.sandbox.binds.push(Bind {
        from: "/none/of/this".into(),
        to: "/x".into(),
        read_only: true,
    });
    let outcome = scene.run();
    assert_eq!(outcome.exit, Exit::Code(125));
    assert!(
        outcome
            .err
            .starts_with("s2i: can't mount `/none/of/this`: No such"),
        "{outcome:?}"
    );
    let mut scene = Scene::script("true");
    scene.sandbox.upper = scene.temp.path().join("file");
    fs::write(&scene.sandbox.upper, "").unwrap();
    let outcome = scene.run();
    assert!(
        outcome.err.ends_with("/file` is not a directory\n"),
        "{outcome:?}"
    );
}
