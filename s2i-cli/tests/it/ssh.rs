//! Engines on other machines. A program in the place of `ssh` connects to the model of a daemon.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use crate::{
    daemon::Knobs,
    scene::{BUILD, Done, Scene},
};

/// Connects its standard streams to a socket, and keeps its arguments.
const BRIDGE: &str = r#"#!/usr/bin/env perl
use strict;
use IO::Select;
use IO::Socket::UNIX;
my ($socket, $log) = ('SOCKET', 'LOG');
open(my $file, '>>', $log) or die;
print $file "@ARGV\n";
close($file);
my $engine = IO::Socket::UNIX->new(Peer => $socket) or die "no engine: $!\n";
my $ready = IO::Select->new($engine, \*STDIN);
sub put {
    my ($to, $bytes) = @_;
    while (length $bytes) {
        my $count = syswrite($to, $bytes) or exit 1;
        substr($bytes, 0, $count) = '';
    }
}
while (1) {
    for my $from ($ready->can_read) {
        my $count = sysread($from, my $bytes, 65536);
        if ($from == $engine) {
            exit 0 unless $count;
            put(\*STDOUT, $bytes);
        } elsif ($count) {
            put($engine, $bytes);
        } else {
            $ready->remove($from);
            shutdown($engine, 1);
        }
    }
}
"#;

/// Returns the command with this program in the place of `ssh`.
fn command(scene: &Scene, ssh: Option<&str>, url: &str, args: &[&str]) -> Command {
    scene.write("bin/README", "");
    if let Some(text) = ssh {
        scene.write("bin/ssh", text);
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(scene.path("bin/ssh"), mode).unwrap();
    }
    let mut command = scene.command(args);
    let bin = scene.path("bin").display().to_string();
    let path = match ssh {
        Some(_) => format!("{bin}:{}", std::env::var("PATH").unwrap_or_default()),
        None => bin,
    };
    command.env("PATH", path).env("DOCKER_HOST", url);
    command
}

fn s2i(scene: &Scene, ssh: Option<&str>, args: &[&str]) -> Done {
    let mut command = command(scene, ssh, "ssh://me@lab:2222", args);
    scene.done(&command.output().unwrap())
}

fn bridge(scene: &Scene) -> String {
    let path = |path: &std::path::Path| path.display().to_string();
    let socket = path(&scene.daemon().socket());
    let text = BRIDGE.replace("SOCKET", &socket);
    text.replace("LOG", &path(&scene.path("log")))
}

#[test]
fn build_runs_on_the_engine_of_another_machine() {
    let Some(scene) = Scene::with_builds(Knobs::default()) else {
        return;
    };
    let bridge = bridge(&scene);
    let done = s2i(&scene, Some(&bridge), &BUILD).ends_with(0);
    assert!(done.stderr.contains("==> assemble"), "{done:?}");
    let expected = "-T -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=30 -l me -p 2222 -- lab docker system dial-stdio";
    let log = scene.read("log");
    assert!(log.lines().all(|line| line == expected), "{log}");
}

#[test]
fn failures_of_ssh_are_reported() {
    let scene = Scene::with_engine(Knobs::default());
    let denied = "#!/bin/sh\necho 'me@lab: Permission denied (publickey).' >&2\nexit 255\n";
    for (ssh, expected) in [
        (
            denied,
            "`ssh lab docker system dial-stdio` ended (exit status: 255): me@lab: Permission denied (publickey).",
        ),
        (
            "#!/bin/sh\nexit 0\n",
            "`ssh lab docker system dial-stdio` ended (exit status: 0)",
        ),
    ] {
        s2i(&scene, Some(ssh), &["images"])
            .ends_with(20)
            .warns("ssh://me@lab:2222")
            .warns(expected);
    }
    fs::remove_file(scene.path("bin/ssh")).unwrap();
    s2i(&scene, None, &["images"])
        .ends_with(20)
        .warns("`ssh` can't be started: ");
}

#[test]
fn addresses_that_can_not_be_used_are_refused() {
    let scene = Scene::new();
    for (url, expected) in [
        ("ssh://-oProxyCommand=x", "can't start with a dash"),
        ("ssh://me:pw@lab", "a password can't be in it"),
    ] {
        let mut command = command(&scene, Some("#!/bin/sh\n"), url, &["images"]);
        let done = scene.done(&command.output().unwrap());
        done.ends_with(20).warns(expected);
    }
}
