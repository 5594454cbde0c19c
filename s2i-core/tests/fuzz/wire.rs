//! The frames between s2i and its agent.

use std::{fmt::Debug, io::ErrorKind};

use s2i_core::{
    EnvVar,
    wire::{Answer, Decoder, Failure, Frame, Hello, Kind, Request, Trailer},
};
use serde::{Serialize, de::DeserializeOwned};

/// How a stream ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    BetweenFrames,
    InFrame,
    Foreign,
}

/// Both readers see the same frames and the same end, whatever the pieces are in which the stream
/// arrives; frames and messages survive being written.
///
/// The first byte of the input is the length of a piece. What is behind it is a stream, and also the
/// payload of a frame of each kind, as no mutation makes both a length and what has it.
pub(crate) fn check(input: &[u8]) {
    let Some((piece, stream)) = input.split_first() else {
        return;
    };
    let (frames, end) = read(stream);
    let decoded = decode(stream, usize::from(*piece).max(1));
    assert_eq!(decoded, (frames.clone(), end));
    let mut written = Vec::new();
    for frame in &frames {
        frame.write_to(&mut written).expect("a frame that was read");
        message(frame);
    }
    assert!(stream.starts_with(&written));
    for kind in [
        Kind::Request,
        Kind::Hello,
        Kind::Answer,
        Kind::Failure,
        Kind::End,
    ] {
        let payload = stream.to_vec();
        message(&Frame { kind, payload });
    }
}

fn read(mut stream: &[u8]) -> (Vec<Frame>, End) {
    let mut frames = Vec::new();
    loop {
        match Frame::read_from(&mut stream, Vec::new()) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, End::BetweenFrames),
            Err(err) if err.kind() == ErrorKind::UnexpectedEof => return (frames, End::InFrame),
            Err(err) => {
                assert_eq!(err.kind(), ErrorKind::InvalidData);
                return (frames, End::Foreign);
            }
        }
    }
}

fn decode(stream: &[u8], piece: usize) -> (Vec<Frame>, End) {
    let mut decoder = Decoder::default();
    let mut frames = Vec::new();
    for bytes in stream.chunks(piece) {
        decoder.push(bytes);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(err) => {
                    assert_eq!(err.kind(), ErrorKind::InvalidData);
                    return (frames, End::Foreign);
                }
            }
        }
    }
    let end = if decoder.is_between_frames() {
        End::BetweenFrames
    } else {
        End::InFrame
    };
    (frames, end)
}

/// Whatever message the payload is, it is the same after it was written and read again.
fn message(frame: &Frame) {
    match frame.kind {
        Kind::Request => {
            if let Some(Request::Exec(exec)) = survives::<Request>(frame) {
                let is_good = |variable: &EnvVar| {
                    EnvVar::new(variable.name(), variable.value()).as_ref() == Ok(variable)
                };
                assert!(exec.env.iter().all(is_good));
            }
        }
        Kind::Hello => drop(survives::<Hello>(frame)),
        Kind::Answer => drop(survives::<Answer>(frame)),
        Kind::Failure => drop(survives::<Failure>(frame)),
        Kind::End => drop(survives::<Trailer>(frame)),
        Kind::Data | Kind::Signal | Kind::Stdout | Kind::Stderr => {}
    }
}

fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(frame: &Frame) -> Option<T> {
    let message: T = frame.parse().ok()?;
    let written = Frame::json(frame.kind, &message);
    assert_eq!(written.parse::<T>().expect("a message of ours"), message);
    Some(message)
}
