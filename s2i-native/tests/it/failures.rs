//! How a container fails that can't be made: once, and in words.

use std::{fs, os::unix::fs::PermissionsExt as _};

use s2i_core::wire::{Exit, Failure, Frame, Kind};
use s2i_native::sandbox::Bind;

use crate::scene::{Scene, can_run};

crate::tests!(
    commands_fail_as_with_docker_run,
    an_agent_fails_in_a_frame,
    what_is_missing_on_the_host_is_named,
);

fn commands_fail_as_with_docker_run() {
    if !can_run("failing commands") {
        return;
    }
    let table: &[(&[&str], &str, u8, &str)] = &[
        (
            &["none"],
            "",
            127,
            "there is no program `none` on the path `/usr/local/sbin:",
        ),
        (&["/none"], "", 127, "there is no `/none`"),
        (
            &["/etc/passwd"],
            "",
            126,
            "`/etc/passwd` is not executable for the user",
        ),
        (
            &["plain"],
            "",
            126,
            "`/usr/bin/plain` is not executable for the user",
        ),
        (&["/etc"], "", 126, "`/etc` is not executable for the user"),
        (
            &["lost"],
            "",
            127,
            "`/usr/bin/lost` can't start: its interpreter or loader is not in the image",
        ),
        (
            &["private"],
            "user",
            126,
            "`/usr/bin/private` is not executable for the user",
        ),
        (&["sh"], "nobody", 125, "the image has no user `nobody`"),
        (&["sh"], "user:none", 125, "the image has no group `none`"),
        (&[], "", 125, "the image has no command"),
        (&["sh", "-c", "exit 7"], "", 7, ""),
        (
            &["sh", "-c", "kill -9 $$; sleep 1 & kill -9 $!; wait $!"],
            "",
            137,
            "",
        ),
    ];
    for (argv, user, code, message) in table {
        let mut scene = Scene::of(argv);
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
        assert_eq!(outcome.exit, Exit::Code(*code), "{argv:?}: {outcome:?}");
        let expected = if message.is_empty() {
            String::new()
        } else {
            format!("s2i: {message}")
        };
        let is_expected = outcome.err.starts_with(&expected) && outcome.err.lines().count() <= 1;
        assert!(is_expected, "{argv:?}: {outcome:?}");
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
    let frame = Frame::read_from(&mut frames).unwrap().unwrap();
    assert!(frames.is_empty());
    assert_eq!(frame.kind, Kind::Failure);
    let failure: Failure = frame.parse().unwrap();
    let expected = "can't use `/none`: No such file or directory (os error 2)";
    assert_eq!(failure.message, expected);
}

fn what_is_missing_on_the_host_is_named() {
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
        outcome.err.ends_with("/file` is no directory\n"),
        "{outcome:?}"
    );
}
