//! What the host sends, read by a thread of its own so that its signals and its end come through
//! while a script runs.

use std::{
    fs::File,
    io::{self, Read},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
};

use s2i_core::wire::{Frame, Kind, Trailer};

use crate::processes;

/// How many frames may wait: what bounds the memory of an upload.
const WAITING: usize = 8;

/// Starts to read frames. Requests and data arrive at the receiver; signals go to the script.
pub(crate) fn start() -> Receiver<Frame> {
    let (sender, receiver) = sync_channel(WAITING);
    std::thread::spawn(move || {
        let ended_well = read_all(&sender).is_ok();
        // Whoever started the container is gone or has what it wanted; nothing may outlive it.
        processes::end_all();
        leave(ended_well);
    });
    receiver
}

#[expect(
    clippy::exit,
    reason = "the end of the input ends everything, whatever the other threads wait for"
)]
fn leave(ended_well: bool) -> ! {
    std::process::exit(i32::from(!ended_well))
}

fn read_all(sender: &SyncSender<Frame>) -> io::Result<()> {
    let mut stdin = File::from(rustix::stdio::stdin().try_clone_to_owned()?);
    while let Some(frame) = Frame::read_from(&mut stdin)? {
        match (frame.kind, &frame.payload[..]) {
            (Kind::Signal, [number]) => processes::signal_script(i32::from(*number)),
            (Kind::Request, _) => {
                processes::request_came();
                sender.send(frame).map_err(|_| io::ErrorKind::BrokenPipe)?;
            }
            _ => sender.send(frame).map_err(|_| io::ErrorKind::BrokenPipe)?,
        }
    }
    Ok(())
}

/// An archive that arrives as data frames up to an end frame.
pub(crate) struct Archive<'a> {
    frames: &'a mut Receiver<Frame>,
    piece: io::Cursor<Vec<u8>>,
    pub(crate) bytes: u64,
    ended: bool,
}

impl<'a> Archive<'a> {
    pub(crate) fn new(frames: &'a mut Receiver<Frame>) -> Self {
        Self {
            frames,
            piece: io::Cursor::default(),
            bytes: 0,
            ended: false,
        }
    }

    fn next_piece(&mut self) -> io::Result<()> {
        let frame = self
            .frames
            .recv()
            .map_err(|_| io::ErrorKind::UnexpectedEof)?;
        match frame.kind {
            Kind::Data => {
                self.bytes += frame.payload.len() as u64;
                self.piece = io::Cursor::new(frame.payload);
            }
            Kind::End => {
                self.ended = true;
                let promised: Trailer = frame.parse()?;
                if promised.bytes != self.bytes {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            kind => {
                self.ended = true;
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("a {kind:?} frame in an archive"),
                ));
            }
        }
        Ok(())
    }
}

impl Read for Archive<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.piece.read(buffer)?;
            if count > 0 || buffer.is_empty() || self.ended {
                return Ok(count);
            }
            self.next_piece()?;
        }
    }
}
