//! The events for a program's output, with an agent that is a list of frames.

use std::sync::{Arc, Mutex};

use futures_util::{future, sink, stream};
use s2i_core::{EnvVar, Secret};

use super::*;
use crate::{
    event::{Event, EventSink},
    stream::block_on,
};

/// Collects the events, each output separately.
#[derive(Default)]
struct Outputs(Mutex<[Vec<u8>; 2]>);

impl EventSink for Outputs {
    fn event(&self, event: Event) {
        let (number, piece) = match event {
            Event::Output(Output::Stdout, piece) => (0, piece),
            Event::Output(Output::Stderr, piece) => (1, piece),
            _ => return,
        };
        self.0.lock().unwrap()[number].extend(piece);
    }
}

impl Outputs {
    fn texts(self) -> [String; 2] {
        let outputs = self.0.into_inner().unwrap();
        outputs.map(|bytes| String::from_utf8(bytes).unwrap())
    }
}

fn program(secrets: &[(&str, &str)]) -> Program {
    let secret = |(name, value): &(&str, &str)| Secret::from(EnvVar::new(name, value).unwrap());
    Program {
        argv: vec!["/assemble".into()],
        env: vec![EnvVar::new("TOKEN", "of-the-image").unwrap()],
        secrets: secrets.iter().map(secret).collect(),
        masked: Vec::new(),
        without: Vec::new(),
        cwd: "/".parse().unwrap(),
        user: String::new(),
    }
}

/// Returns a session with an agent that sends these frames in any case, and the requests that it received.
fn session(frames: &[Frame]) -> (Session, Arc<Mutex<Vec<u8>>>) {
    let hello = Frame::json(Kind::Hello, &Hello { version: VERSION });
    let identified = Frame::json(Kind::Answer, &Answer::Identified { uid: 1001 });
    let pieces = [&hello, &identified].into_iter().chain(frames);
    let pieces: Vec<_> = pieces
        .map(|frame| Ok(Piece::Stdout(encode(frame.kind, &frame.payload).unwrap())))
        .collect();
    let requests = Arc::<Mutex<Vec<u8>>>::default();
    let received = requests.clone();
    let input = sink::unfold((), move |(), bytes: Bytes| {
        received.lock().unwrap().extend(&bytes);
        future::ready(Ok::<_, io::Error>(()))
    });
    let transport = Transport {
        input: Box::pin(input),
        output: stream::iter(pieces).boxed(),
    };
    let session = block_on(Session::open("s2i/go".parse().unwrap(), "app", transport)).unwrap();
    (session, requests)
}

fn output(kind: Kind, text: &str) -> Frame {
    Frame {
        kind,
        payload: text.as_bytes().to_vec(),
    }
}

fn exited() -> Frame {
    Frame::json(Kind::Answer, &Answer::Exited(Exit::Code(0)))
}

#[test]
fn secret_reaches_the_program_and_not_the_log() {
    let (mut session, requests) = session(&[
        output(Kind::Stdout, "it is hun"),
        output(Kind::Stderr, "hunter22 hunter"),
        output(Kind::Stdout, "ter22.\nhunte"),
        exited(),
        // A process that still runs during the last request.
        output(Kind::Stderr, "late: hunter22\n"),
        Frame::json(Kind::Answer, &Answer::Finished),
    ]);
    let outputs = Outputs::default();
    let progress = Progress::new(&outputs);
    let program = program(&[("TOKEN", "hunter22")]);
    block_on(session.exec(&program, &progress)).unwrap();
    let finish = Finish {
        remove: Vec::new(),
        made: Vec::new(),
        aside: None,
        times: None,
        require: Vec::new(),
    };
    block_on(session.finish(finish, &progress)).unwrap();
    drop(progress);
    let expected = [
        "it is [redacted].\nhunte",
        "[redacted] hunterlate: [redacted]\n",
    ];
    assert_eq!(outputs.texts(), expected);
    let requests = String::from_utf8_lossy(&requests.lock().unwrap()).into_owned();
    assert!(
        requests.contains("hunter22") && !requests.contains("of-the-image"),
        "{requests}"
    );
}

#[test]
fn only_control_sequences_are_removed_without_secrets() {
    let (mut session, _) = session(&[
        output(Kind::Stdout, "hun\u{1b}[3"),
        output(Kind::Stderr, "10%\r20%\r\n"),
        output(Kind::Stdout, "1mter22"),
        exited(),
    ]);
    let outputs = Outputs::default();
    block_on(session.exec(&program(&[]), &Progress::new(&outputs))).unwrap();
    assert_eq!(outputs.texts(), ["hunter22", "10%\r20%\r\n"]);
}

/// The errors of an agent may name files that a program has created.
#[test]
fn secret_is_masked_in_errors() {
    let failure = Failure {
        kind: s2i_core::wire::FailureKind::Os,
        message: "can't open `/app/hun\u{1b}[1mter22`".into(),
    };
    let (mut refusing, _) = session(&[Frame::json(Kind::Failure, &failure)]);
    let (mut lost, _) = session(&[]);
    let message = Ok(Piece::Stderr("panicked at hun\u{1b}[0mter22".into()));
    lost.frames.output = stream::iter([message]).boxed();
    let outputs = Outputs::default();
    let program = program(&[("TOKEN", "hunter22")]);
    for (session, expected) in [
        (&mut refusing, "can't open `/app/[redacted]`"),
        (&mut lost, "its last message: panicked at [redacted]"),
    ] {
        let failed = block_on(session.exec(&program, &Progress::new(&outputs))).unwrap_err();
        let text = s2i_core::ErrorChain(&failed).to_string();
        assert!(text.contains(expected), "{text}");
    }
}

/// `save-artifacts` writes an archive to its standard output, not text.
#[test]
fn streamed_archive_is_not_filtered() {
    let archive = "hunter22\u{1b}[1m\0";
    let (mut session, _) = session(&[
        output(Kind::Stdout, archive),
        output(Kind::Stderr, "hun\u{7}ter22"),
        exited(),
    ]);
    let outputs = Outputs::default();
    let progress = Progress::new(&outputs);
    let program = program(&[("TOKEN", "hunter22")]);
    let streamed = block_on(
        session
            .exec_archive(&program, &progress)
            .collect::<Vec<_>>(),
    );
    let streamed: Vec<u8> = streamed.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(streamed, archive.as_bytes());
    drop(progress);
    assert_eq!(outputs.texts(), ["", "[redacted]"]);
}

#[test]
fn held_back_output_is_sent_when_the_program_fails() {
    let failure = Failure {
        kind: s2i_core::wire::FailureKind::Os,
        message: "full".into(),
    };
    let (mut session, _) = session(&[
        output(Kind::Stdout, "hunter"),
        Frame::json(Kind::Failure, &failure),
    ]);
    let outputs = Outputs::default();
    let program = program(&[("TOKEN", "hunter22")]);
    block_on(session.exec(&program, &Progress::new(&outputs))).unwrap_err();
    assert_eq!(outputs.texts(), ["hunter", ""]);
}
