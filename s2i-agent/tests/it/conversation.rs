//! How a conversation begins and ends.

use std::io::Read as _;

use s2i_core::wire::{Answer, FailureKind, Kind, MAX_PAYLOAD, Request};

use crate::agent::{Agent, make_fifo, me, shell};

#[test]
fn agent_sends_hello_and_ends_with_its_input() {
    let mut agent = Agent::start();
    agent.hang_up();
    assert_eq!(agent.wait().code(), Some(0));
}

#[test]
fn invalid_frame_ends_the_agent() {
    let mut agent = Agent::start();
    agent.write(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(agent.wait().code(), Some(1));
}

#[test]
fn a_frame_that_stops_in_the_middle_ends_it() {
    let mut agent = Agent::start();
    agent.write(&[Kind::Request as u8, 0, 0, 0, 9, b'{']);
    agent.hang_up();
    assert_eq!(agent.wait().code(), Some(1));
}

#[test]
fn a_frame_above_the_limit_ends_it_before_it_takes_memory() {
    let mut agent = Agent::start();
    let length = u32::try_from(MAX_PAYLOAD + 1).unwrap();
    let [a, b, c, d] = length.to_be_bytes();
    agent.write(&[Kind::Data as u8, a, b, c, d]);
    assert_eq!(agent.wait().code(), Some(1));
}

#[test]
fn unknown_request_is_rejected_and_the_next_is_served() {
    let mut agent = Agent::start();
    agent.say(Kind::Request, b"{\"dance\":{}}");
    let failure = agent.listen().failure();
    assert_eq!(failure.kind, FailureKind::Os);
    assert!(
        failure.message.contains("unknown variant `dance`"),
        "{failure:?}"
    );
    assert_eq!(agent.ask(&shell("echo on")).stdout(), "on\n");
}

#[test]
fn signal_without_a_script_is_dropped() {
    let mut agent = Agent::start();
    agent.say(Kind::Signal, &[15]);
    agent.say(Kind::Signal, &[200]);
    assert_eq!(agent.ask(&shell("echo on")).stdout(), "on\n");
}

/// Whoever started the container is gone: what it started must not outlive it.
#[test]
fn the_end_of_the_input_ends_a_script_that_runs() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("alive");
    make_fifo(&fifo);
    let mut agent = Agent::start();
    let script = format!("exec 3>{}; sleep 1000 & echo ready; wait", fifo.display());
    agent.request(&shell(&script));
    let mut alive = std::fs::File::open(&fifo).unwrap();
    assert_eq!(agent.hear().unwrap().payload, b"ready\n");
    agent.hang_up();
    // Ends when the script and all that it started have let go of the other end.
    assert_eq!(alive.read_to_end(&mut Vec::new()).unwrap(), 0);
    assert_eq!(agent.wait().code(), Some(0));
}

#[test]
fn the_end_of_the_input_ends_an_upload() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start();
    let into = dir.path().join("into").display().to_string();
    agent.request(&Request::Unpack {
        into: into.parse().unwrap(),
        user: me(),
    });
    agent.say(Kind::Data, &[0; 100]);
    agent.hang_up();
    assert_eq!(agent.wait().code(), Some(0));
}

/// A number identifies its user, whatever names the tables of the machine have.
#[test]
fn a_user_is_found_by_number_and_by_name() {
    let mut agent = Agent::start();
    let identify = |user: &str| Request::Identify { user: user.into() };
    for (user, uid) in [
        ("", 0),
        ("root", 0),
        ("0:1001", 0),
        ("00", 0),
        ("1001", 1001),
        ("1000620000:0", 1_000_620_000),
    ] {
        let answer = agent.ask(&identify(user)).answer();
        assert_eq!(answer, Answer::Identified { uid }, "{user}");
    }
    let failure = agent.ask(&identify("no-such-user")).failure();
    assert_eq!(failure.kind, FailureKind::NoSuchUser);
    assert_eq!(agent.ask(&shell("echo on")).stdout(), "on\n");
}
