//! The streams of an agent that is a child of this process, each on its own thread.

use std::io::{self, Read, Write};

use bytes::Bytes;
use futures_channel::mpsc::{self, Sender};
use futures_util::{SinkExt as _, StreamExt as _};

use super::{Piece, Transport};
use crate::stream::block_on;

/// The size of a read from a pipe, in bytes.
const PIECE: usize = 256 * 1024;

/// The number of pieces that may wait in each direction. It bounds the memory.
const WAITING: usize = 4;

impl Transport {
    /// Creates a transport over three pipes. Each has a thread that ends with its pipe; the one to the agent is closed
    /// when the transport is dropped and all data was written.
    pub fn over(
        stdin: impl Write + Send + 'static,
        stdout: impl Read + Send + 'static,
        stderr: impl Read + Send + 'static,
    ) -> Self {
        let (input, receiver) = mpsc::channel::<Bytes>(WAITING);
        std::thread::spawn(move || write_all(receiver, stdin));
        let (sender, output) = mpsc::channel(WAITING);
        let errors = sender.clone();
        std::thread::spawn(move || read_all(stdout, Piece::Stdout, sender));
        std::thread::spawn(move || read_all(stderr, Piece::Stderr, errors));
        Self {
            input: Box::pin(input.sink_map_err(io::Error::other)),
            output: output.boxed(),
        }
    }
}

/// Writes the pieces to the pipe. An error is ignored: the agent reports the reason for it on its output.
fn write_all(mut pieces: mpsc::Receiver<Bytes>, mut pipe: impl Write) {
    while let Some(piece) = block_on(pieces.next()) {
        if pipe.write_all(&piece).and_then(|()| pipe.flush()).is_err() {
            return;
        }
    }
}

fn read_all(
    mut pipe: impl Read,
    kind: impl Fn(Bytes) -> Piece,
    mut sender: Sender<io::Result<Piece>>,
) {
    let mut buffer = vec![0; PIECE];
    loop {
        let piece = match pipe.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => Ok(kind(Bytes::copy_from_slice(&buffer[..count]))),
            Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
            Err(err) => Err(err),
        };
        let failed = piece.is_err();
        if block_on(sender.send(piece)).is_err() || failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_carry_both_directions() {
        let (reader, writer) = io::pipe().unwrap();
        let Transport { mut input, output } = Transport::over(writer, reader, io::empty());
        let sending = std::thread::spawn(move || {
            for piece in [b"one".to_vec(), vec![7; 300_000], b"end".to_vec()] {
                block_on(input.send(Bytes::from(piece))).unwrap();
            }
        });
        let pieces = block_on(output.collect::<Vec<_>>());
        sending.join().unwrap();
        let bytes: Vec<u8> = pieces
            .into_iter()
            .flat_map(|piece| match piece.unwrap() {
                Piece::Stdout(bytes) => bytes,
                Piece::Stderr(_) => panic!("nothing was written there"),
            })
            .collect();
        assert_eq!(bytes.len(), 300_006);
        assert!(bytes.starts_with(b"one\x07") && bytes.ends_with(b"end"));
    }
}
