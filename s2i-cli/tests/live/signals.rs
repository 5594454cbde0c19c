//! Stopping `s2i`: gently, by accident, by force.

use std::{fs, net::TcpListener, time::Duration};

use rustix::process::Signal;

use crate::harness::{Live, live};

/// How long cleaning up may take.
const PROMPT: Duration = Duration::from_secs(10);

fn stop_assemble(live: &Live, signal: Signal, code: i32) {
    let running = live.start_build(&[], live.instructions("print ready\nsleep 60"));
    let ready = running.wait_for("ready");
    running.signal(signal);
    let done = running.finish().ends_with(code).says("error: stopped");
    let took = done.ended - ready;
    assert!(took < PROMPT, "{took:?}");
    live.nothing_left();
}

#[test]
fn ctrl_c_stops_assemble() {
    let Some(live) = live() else { return };
    stop_assemble(&live, Signal::INT, 130);
}

#[test]
fn sigterm_stops_assemble() {
    let Some(live) = live() else { return };
    stop_assemble(&live, Signal::TERM, 143);
}

#[test]
fn a_terminal_that_goes_away_stops_assemble() {
    let Some(live) = live() else { return };
    stop_assemble(&live, Signal::HUP, 129);
}

#[test]
fn ctrl_c_stops_an_upload() {
    let Some(live) = live() else { return };
    let source = live.source(&[("small", "text")]);
    // Holes: large to read, nothing on the disk.
    let large = fs::File::create(source.join("large")).unwrap();
    large.set_len(8 << 30).unwrap();
    let running = live.start_build(&[], &source);
    let start = running.wait_for("==> upload");
    running.signal(Signal::INT);
    let done = running.finish().ends_with(130).never_says("==> assemble");
    let took = done.ended - start;
    assert!(took < PROMPT, "{took:?}");
    live.nothing_left();
}

#[test]
fn ctrl_c_stops_a_fetch() {
    let Some(live) = live() else { return };
    // Takes connections and never answers.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git://{}/app.git", server.local_addr().unwrap());
    let running = live.start_build(&[], url);
    let (connection, _) = server.accept().unwrap();
    running.signal(Signal::INT);
    let done = running.finish().ends_with(130);
    drop(connection);
    let source = done.lines.iter().find(|line| line.text == "==> source");
    assert!(done.ended - source.unwrap().at < PROMPT);
    live.nothing_left();
}

#[test]
fn the_container_goes_when_s2i_is_killed() {
    let Some(live) = live() else { return };
    let running = live.start_build(&[], live.instructions("print ready\nsleep 100"));
    running.wait_for("ready");
    live.container();
    running.signal(Signal::KILL);
    let done = running.finish();
    assert!(!done.status.success());
    live.wait_until_no_container();
    live.nothing_left();
}

#[test]
fn the_container_goes_when_s2i_is_killed_in_an_upload() {
    let Some(live) = live() else { return };
    let source = live.source(&[("small", "text")]);
    let large = fs::File::create(source.join("large")).unwrap();
    large.set_len(8 << 30).unwrap();
    let running = live.start_build(&[], &source);
    running.wait_for("==> upload");
    running.signal(Signal::KILL);
    running.finish();
    live.wait_until_no_container();
    live.nothing_left();
}
