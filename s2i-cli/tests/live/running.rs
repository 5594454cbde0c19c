//! `s2i run`: the application's own arguments, streams, user and status.

use std::time::Duration;

use rustix::process::Signal;

use crate::{
    harness::{Live, live, live_native},
    images::{Entry, Recipe},
    process::{Done, Running, Stream},
};

/// The program that carries out the file `instructions` in the directory `TEST_SOURCE`.
const PROGRAM: &str = "/usr/libexec/s2i/assemble";

/// The arguments of every run.
const USUAL: [&str; 5] = ["run", "--network", "none", "-e", "TEST_SOURCE=/do"];

/// An image whose program does this.
fn image(live: &Live, instructions: &'static str) -> String {
    let recipe = Recipe::builder().with("do/instructions", Entry::Text(0o644, instructions));
    live.load("program", &recipe)
}

fn start(live: &Live, options: &[&str], instructions: &'static str) -> Running {
    let image = image(live, instructions);
    let args = [&USUAL[..], options, &[&image, PROGRAM]].concat();
    live.spawn(args)
}

fn run(live: &Live, options: &[&str], instructions: &'static str) -> Done {
    start(live, options, instructions).finish()
}

#[test]
fn words_after_the_image_are_for_the_application() {
    let Some(live) = live() else { return };
    let words = ["/usr/libexec/s2i/run", "--url", "two words", "--", "-e", ""];
    let args = [&["run", "--network", "none", live.builder()], &words[..]].concat();
    let done = live.s2i(args).succeeds();
    let lines = done.stream(Stream::Stdout);
    assert_eq!(lines, ["--url", "two words", "--", "-e", "", "run ended"]);
    live.nothing_left();
}

#[test]
fn status_of_the_application_is_returned() {
    let Some(live) = live() else { return };
    let done = run(&live, &[], "print out\neprint err\nexit 7").ends_with(7);
    assert_eq!(done.stream(Stream::Stdout), ["out"]);
    assert_eq!(done.stream(Stream::Stderr), ["err"]);
    let done = run(&live, &["--progress", "json"], "print out\nexit 3").ends_with(3);
    done.says(r#"{"event":"output","line":"out","stream":"stdout"}"#)
        .says(r#"{"event":"ended","exit":{"code":3}}"#);
    live.nothing_left();
}

#[test]
fn variables_and_user_are_as_requested() {
    let Some(live) = live() else { return };
    let lines = "show-env A\nshow-env FROM_IMAGE\nshow-env B\nshow-id";
    std::fs::write(live.path("variables"), "B=file\n").unwrap();
    let options = [
        "-e",
        "A=two  words",
        "-e",
        "FROM_IMAGE=replaced",
        "-E",
        "variables",
    ];
    let options = [&options[..], &["--user", "1005:0"]].concat();
    run(&live, &options, lines)
        .succeeds()
        .says("A=Some(\"two  words\")")
        .says("FROM_IMAGE=Some(\"replaced\")")
        .says("B=Some(\"file\")")
        .says("Uid: 1005 1005 1005 1005")
        .says("NoNewPrivs: 1");
}

#[test]
fn read_only_application_writes_only_to_tmp() {
    let Some(live) = live() else { return };
    run(
        &live,
        &["--read-only"],
        "write /tmp/file text\nshow-file /tmp/file",
    )
    .succeeds()
    .says("text");
    run(&live, &["--read-only"], "write /app/file text").ends_with(101);
    run(&live, &[], "write /app/file text").succeeds();
}

#[test]
fn missing_command_is_reported() {
    let Some(live) = live() else { return };
    let options = ["run", "--network", "none"];
    let done = live.s2i(options.iter().chain(&[live.builder(), "/no/such/program"]));
    assert!(!done.status.success());
    done.says("/no/such/program");
    live.nothing_left();
}

/// It ignores the signal, so it is ended after a while.
#[test]
fn ctrl_c_ends_an_application() {
    let Some(live) = live() else { return };
    let running = start(&live, &[], "print ready\nsleep 100");
    let ready = running.wait_for("ready");
    running.signal(Signal::INT);
    let done = running.finish();
    assert!(!done.status.success(), "{}", done.status);
    let done = done.says("stopping (Ctrl-C)");
    let done = done.says("waiting for the application");
    let took = done.ended - ready;
    assert!(took < Duration::from_secs(30), "{took:?}");
    live.nothing_left();
}

#[test]
fn application_ends_when_s2i_is_killed() {
    let Some(live) = live_native("on Docker and Podman it stays until it ends") else {
        return;
    };
    let running = start(&live, &[], "print ready\nsleep 100");
    running.wait_for("ready");
    live.container();
    running.signal(Signal::KILL);
    running.finish();
    live.wait_until_no_container();
}
