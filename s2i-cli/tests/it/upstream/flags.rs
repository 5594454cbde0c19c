//! Section 1 of the contract: every option of the Go tool, with its aliases and forms, is understood.

use super::{NO_ENGINE, check_failed, commit};
use crate::scene::Scene;

fn scene() -> Scene {
    let scene = Scene::new();
    scene.write("app/file", "text");
    scene.write("env", "A=b\n");
    scene.write("scripts/assemble", "#!/bin/sh\n");
    scene.write("scripts/run", "#!/bin/sh\n");
    scene.write("secret/file", "text");
    scene
}

/// Options of `build`, one line each.
const OPTIONS: &str = "\
--url unix:///nothing/listens/here
-U unix:///nothing/listens/here
--cert cert.pem
--key key.pem
--ca ca.pem
--tls=false
--tlsverify=false
--loglevel 5
--loglevel=9
--loglevel -1
-q
--quiet
--incremental
--rm
--callback-url http://127.0.0.1:9/
-p never
--pull-policy=always
--pull-policy if-not-present
--incremental-pull-policy always
--runtime-pull-policy always
--save-temp-dir
--dockercfg-path config.json
-d /opt/build
--destination=/opt/build
--ignore-submodules
-e A=b
--env A=b=c
-e A=b,C=d
-r main
--ref main
--assemble-user 1001
--assemble-runtime-user 1001
--context-dir .
--exclude (^|/)\\.git(/|$)
--exclude=
--image-scripts-url image:///usr/libexec/s2i
-s image:///usr/libexec/s2i
--scripts-url file://scripts
--scripts file://scripts
--use-config
-E env
--environment-file=env
-n name
--application-name name
--description text
-u 1-
--allowed-uids 1-100,200
-i secret:/tmp
--inject secret:/tmp;secret:here
-v /tmp:/tmp
--volume /tmp:/tmp:ro
--cap-drop KILL
--cap-drop KILL,MKNOD
-l /opt/build
--location /opt/build
-c
--copy
--runtime-image s2i/runtime
-a /app
--runtime-artifact /app:here;/etc
--network host
--keep-symlinks
--add-host name:1.2.3.4";

#[test]
fn every_option_is_understood() {
    let scene = scene();
    // A reference belongs to a repository.
    commit(&scene, "app");
    let mut wrong = Vec::new();
    for line in OPTIONS.lines() {
        let (name, value) = line.split_once(' ').unwrap_or((line, ""));
        let mut args = vec!["build", "app", "s2i/builder", "web", name];
        if line.contains(' ') {
            args.push(value);
        }
        let done = scene.s2i(&args);
        if done.code != Some(NO_ENGINE.into()) {
            let first = done.stderr.lines().next().unwrap_or_default().to_owned();
            wrong.push(format!("{line}: {:?}: {first}", done.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_boolean_takes_a_value() {
    let scene = scene();
    let mut wrong = Vec::new();
    for name in [
        "tls",
        "tlsverify",
        "quiet",
        "incremental",
        "rm",
        "save-temp-dir",
        "ignore-submodules",
        "use-config",
        "copy",
        "keep-symlinks",
        "run",
    ] {
        for value in ["true", "false", "1", "0", "t", "F", "TRUE", "False"] {
            // Without a socket that knows TLS, it is not asked for.
            if name.starts_with("tls") && value.starts_with(['t', 'T', '1']) {
                continue;
            }
            let option = format!("--{name}={value}");
            let done = scene.s2i(&["build", "app", "s2i/builder", "web", &option]);
            if done.code != Some(NO_ENGINE.into()) {
                wrong.push(option);
            }
        }
        let done = scene.s2i(&["build", "app", "b", "t", &format!("--{name}=perhaps")]);
        assert_eq!(done.code, Some(2), "--{name}=perhaps");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Options before the command, between the names and after them, and a fourth name, which has no meaning.
#[test]
fn options_stand_anywhere() {
    let scene = scene();
    commit(&scene, "app");
    for args in [
        &[
            "--loglevel",
            "5",
            "--ref",
            "main",
            "build",
            "app",
            "s2i/builder",
            "web",
        ][..],
        &["--copy", "build", "app", "s2i/builder", "web"],
        &["build", "--copy", "app", "--rm", "s2i/builder", "-q", "web"],
        &["build", "app", "s2i/builder", "web", "--copy", "latest"],
        &["build", "app", "s2i/builder", "s2i", "latest", "-c"],
        &["build", "--", "app", "s2i/builder", "web"],
        &["build", "-ce", "A=b", "app", "s2i/builder", "web"],
    ] {
        scene.s2i(args).ends_with(NO_ENGINE);
    }
}

/// Scenario 60: a variable has a name and a value, and white space around them does not count.
#[test]
fn variables_have_a_name_and_a_value() {
    let scene = scene();
    for (text, code) in [
        ("A=b", NO_ENGINE),
        ("A=", NO_ENGINE),
        (" A = b ", NO_ENGINE),
        ("A=b=c", NO_ENGINE),
        ("A", 2),
        ("=b", 2),
        (" =b", 2),
        ("", 2),
    ] {
        scene
            .s2i(&["build", "app", "s2i/builder", "web", "-e", text])
            .ends_with(code);
    }
}

/// Scenario 59: the lists of `--inject` and `--runtime-artifact`.
#[test]
fn lists_of_paths_are_checked_before_anything_starts() {
    let scene = scene();
    for list in ["a*", "/a?", "/a;/b:c:/d|", "/a$b"] {
        for option in ["--inject", "--runtime-artifact"] {
            scene
                .s2i(&["build", "app", "s2i/builder", "web", option, list])
                .ends_with(2);
        }
    }
}

/// Scenario 61: ranges of users.
#[test]
fn ranges_of_users_are_checked_before_anything_starts() {
    let scene = scene();
    for (list, code) in [
        ("1", NO_ENGINE),
        ("1-", NO_ENGINE),
        ("-5", NO_ENGINE),
        ("1-5,7, 9-", NO_ENGINE),
        ("", NO_ENGINE),
        ("5-1", 2),
        ("1-2-3", 2),
        ("a", 2),
    ] {
        let option = format!("--allowed-uids={list}");
        scene
            .s2i(&["build", "app", "s2i/builder", "web", &option])
            .ends_with(code);
    }
}

#[test]
fn other_commands_take_their_options() {
    let scene = scene();
    for args in [
        &[
            "rebuild",
            "web",
            "-q",
            "--incremental=true",
            "--rm",
            "-p",
            "never",
        ][..],
        &[
            "rebuild",
            "web",
            "other",
            "--callback-url",
            "http://127.0.0.1:9/",
        ],
        &[
            "rebuild",
            "web",
            "--save-temp-dir",
            "-d",
            "/tmp",
            "--dockercfg-path",
            "x",
        ],
        &[
            "usage",
            "s2i/builder",
            "-q",
            "--incremental",
            "-l",
            "/tmp",
            "-p",
            "always",
        ],
    ] {
        scene.s2i(args).ends_with(NO_ENGINE);
    }
    for args in [
        &["version"][..],
        &["version", "more"],
        &["help"],
        &["build", "--help"],
        &[],
    ] {
        scene.s2i(args).ends_with(0);
    }
    for shell in ["bash", "zsh"] {
        let done = scene.s2i(&["completion", shell]).ends_with(0);
        assert!(done.stdout.contains("s2i"));
    }
    assert_ne!(scene.s2i(&["completion"]).code, Some(0));
    assert_ne!(scene.s2i(&["completion", "csh"]).code, Some(0));
}

/// B-39: a mistake of the user is no success, though it is one with the Go tool.
#[test]
fn mistakes_of_the_user_are_no_success() {
    let scene = scene();
    for args in [
        &["build"][..],
        &["build", "app", "s2i/builder", "web", "-p", "sometimes"],
        &["build", "app", "s2i/builder", "web", "--exclude", "("],
        &["build", "app", "s2i/builder", "web", "-E", "missing"],
        &["build", "app", "s2i/builder", "web", "--network", ""],
        &[
            "build",
            "app",
            "s2i/builder",
            "web",
            "--run",
            "--as-dockerfile",
            "out/Dockerfile",
        ],
        &["build", "ssh://git@host:org/repo", "s2i/builder", "web"],
        &["build", "app", "s2i/builder", "-"],
        &["rebuild"],
        &["usage"],
        &["create", "name"],
        &["generate", "s2i/builder"],
    ] {
        let done = scene.s2i(args);
        check_failed(&done);
    }
}
