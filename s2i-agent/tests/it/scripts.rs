//! Running programs.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use insta::assert_snapshot;
use s2i_core::{
    EnvVar,
    wire::{Exit, FailureKind, Kind, Request},
};

use crate::agent::{Agent, exec, me, shell};

#[test]
fn both_streams_and_the_status_come_back() {
    let mut agent = Agent::start();
    let heard = agent.ask(&shell("echo out; echo err >&2; exit 3"));
    assert_eq!(
        (&*heard.stdout, &*heard.stderr),
        (&b"out\n"[..], &b"err\n"[..])
    );
    assert_eq!(heard.exit(), Exit::Code(3));
    assert_eq!(agent.ask(&shell("exit 0")).exit(), Exit::Code(0));
    assert_eq!(agent.ask(&shell("exit 255")).exit(), Exit::Code(255));
    assert_eq!(agent.ask(&shell("kill -9 $$")).exit(), Exit::Signal(9));
    agent.hang_up();
    assert_eq!(agent.wait().code(), Some(0));
}

#[test]
fn it_reads_nothing() {
    let heard = Agent::start().ask(&shell("cat; echo end"));
    assert_eq!(heard.stdout(), "end\n");
}

#[test]
fn signals_reach_the_script_and_what_it_started() {
    let mut agent = Agent::start();
    agent.request(&shell(
        "trap 'echo stopped; exit 7' TERM; sleep 1000 & echo ready; wait",
    ));
    assert_eq!(agent.hear().unwrap().payload, b"ready\n");
    agent.say(Kind::Signal, &[15]);
    let heard = agent.listen();
    assert_eq!(
        (heard.stdout(), heard.exit()),
        ("stopped\n".into(), Exit::Code(7))
    );

    agent.request(&shell("echo ready; exec sleep 1000"));
    assert_eq!(agent.hear().unwrap().payload, b"ready\n");
    agent.say(Kind::Signal, &[2]);
    assert_eq!(agent.listen().exit(), Exit::Signal(2));
}

/// Else the answer would wait for the child's output to end.
#[test]
fn background_processes_end_with_the_script() {
    let heard = Agent::start().ask(&shell("sleep 1000 & echo done"));
    assert_eq!(
        (heard.stdout(), heard.exit()),
        ("done\n".into(), Exit::Code(0))
    );
}

#[test]
fn a_script_may_close_its_output_early() {
    let heard = Agent::start().ask(&shell("exec >&-; echo err >&2; exec 2>&-; exit 4"));
    assert_eq!(
        (&*heard.stderr, heard.exit()),
        (&b"err\n"[..], Exit::Code(4))
    );
}

#[test]
fn large_output_is_whole_and_streams_never_mix() {
    let script = "
        (i=0; while [ $i -lt 3000 ]; do echo out$i; i=$((i+1)); done; head -c 3000000 /dev/zero) &
        (i=0; while [ $i -lt 3000 ]; do echo err$i >&2; i=$((i+1)); done; head -c 3000000 /dev/zero >&2)
        wait";
    let heard = Agent::start().ask(&shell(script));
    for (name, bytes) in [("out", &heard.stdout), ("err", &heard.stderr)] {
        let mut expected: Vec<u8> = (0..3000)
            .flat_map(|i| format!("{name}{i}\n").into_bytes())
            .collect();
        expected.resize(expected.len() + 3_000_000, 0);
        assert!(*bytes == expected, "{name}");
    }
}

#[test]
fn the_environment_is_what_was_asked_for_and_two_defaults() {
    let mut agent = Agent::start();
    let mut env = exec(&["/usr/bin/env"], &me());
    let heard = agent.ask(&Request::Exec(env.clone()));
    let shown = heard.stdout();
    let names: Vec<_> = shown
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    assert_eq!(names, ["HOME", "PATH"]);
    assert!(shown.contains("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"));

    for (name, value) in [
        ("HOME", "/h"),
        ("PATH", "/p"),
        ("TWO", "a b\tc=d"),
        ("EMPTY", ""),
    ] {
        env.env.push(EnvVar::new(name, value).unwrap());
    }
    let heard = agent.ask(&Request::Exec(env));
    assert_eq!(heard.stdout(), "EMPTY=\nHOME=/h\nPATH=/p\nTWO=a b\tc=d\n");
}

#[test]
fn a_working_directory_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir
        .path()
        .canonicalize()
        .unwrap()
        .join("a/b")
        .display()
        .to_string();
    let mut pwd = exec(&["/bin/sh", "-c", "pwd"], &me());
    pwd.cwd = cwd.parse().unwrap();
    let heard = Agent::start().ask(&Request::Exec(pwd));
    assert_eq!(heard.stdout(), format!("{cwd}\n"));
}

fn write(dir: &Path, name: &str, mode: u32, content: &[u8]) {
    let path = dir.join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn every_way_of_not_starting_has_its_own_words() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    write(dir, "plain", 0o644, b"#!/bin/sh\n");
    write(dir, "foreign", 0o755, b"#!/no/such/shell -e\necho\n");
    write(dir, "windows", 0o755, b"#!/bin/sh\r\necho\r\n");
    write(dir, "text", 0o755, b"echo\n");
    write(dir, "empty", 0o755, b"");
    fs::create_dir(dir.join("directory")).unwrap();
    let mut agent = Agent::start();
    let mut lines = Vec::new();
    for name in [
        "absent",
        "plain",
        "foreign",
        "windows",
        "text",
        "empty",
        "directory",
        "text/x",
    ] {
        let path = dir.join(name).display().to_string();
        let failure = agent.ask(&Request::Exec(exec(&[&path], &me()))).failure();
        lines.push(format!("{:?}: {}", failure.kind, failure.message));
    }
    let shown = lines.join("\n").replace(&dir.display().to_string(), "DIR");
    let user = format!("user `{}`", me());
    let shown = shown
        .replace(&user, "user `ME`")
        .replace(&format!("as `{}`", me()), "as `ME`");
    assert_snapshot!(shown, @r#"
    NotFound: there is no `DIR/absent`
    NotExecutable: `DIR/plain` is not executable for the user `ME`
    NotExecutable: `DIR/foreign` can't start: its interpreter or loader `/no/such/shell` is not in the image
    NotExecutable: `DIR/windows` can't start: its interpreter or loader `/bin/sh` with a carriage return, as lines end on Windows, is not in the image
    NotExecutable: `DIR/text` is not a program: it has neither a `#!` line nor a known binary format
    NotExecutable: `DIR/empty` is not a program: it has neither a `#!` line nor a known binary format
    Os: can't start `DIR/directory` as `ME`: Permission denied (os error 13)
    Os: can't start `DIR/text/x` as `ME`: Not a directory (os error 20)
    "#);
    // None of this ends the conversation.
    assert_eq!(agent.ask(&shell("echo on")).stdout(), "on\n");
}

#[test]
fn unknown_users_and_groups_are_rejected() {
    let mut agent = Agent::start();
    for (user, expected) in [
        ("no-such-user", "the image has no user `no-such-user`"),
        ("0:no-such-group", "the image has no group `no-such-group`"),
    ] {
        let failure = agent
            .ask(&Request::Exec(exec(&["/bin/true"], user)))
            .failure();
        assert_eq!(
            (failure.kind, &*failure.message),
            (FailureKind::NoSuchUser, expected)
        );
    }
}

#[test]
fn no_program_at_all_is_a_failure() {
    let failure = Agent::start()
        .ask(&Request::Exec(exec(&[], &me())))
        .failure();
    assert_eq!(failure.kind, FailureKind::NotFound);
}

/// Only the start of a program can name its interpreter, whatever its size.
#[test]
fn a_large_program_without_interpreter_takes_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("assemble");
    fs::write(&program, "#!/nonexistent -x\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let file = fs::File::options().write(true).open(&program).unwrap();
    file.set_len(4 << 30).unwrap();
    drop(file);
    let mut agent = Agent::start();
    let program = exec(&[program.to_str().unwrap()], &me());
    let failure = agent.ask(&Request::Exec(program)).failure();
    assert_eq!(failure.kind, FailureKind::NotExecutable);
    let is_named = failure.message.contains("`/nonexistent` is not in");
    assert!(is_named, "{}", failure.message);
    let peak = agent.peak_memory();
    assert!(peak < 64 << 20, "{peak} bytes");
}
