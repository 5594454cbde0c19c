//! The frames from the host. A separate thread reads them, so that signals and the end of the input arrive while a
//! script runs.

use std::{
    fs::File,
    io::{self, BufRead, Read},
    sync::mpsc::{Receiver, RecvError, Sender, SyncSender, channel, sync_channel},
};

use s2i_core::wire::{Frame, Kind, Trailer};

use crate::account::keeps_own;
use crate::processes;

/// The number of frames that may wait. It bounds the memory of an upload.
const WAITING: usize = 8;

/// The frames that have arrived: requests and data. Signals go to the script.
pub(crate) struct Frames {
    arrived: Receiver<Frame>,
    used: Sender<Vec<u8>>,
}

impl Frames {
    /// Waits for the next frame.
    pub(crate) fn next(&self) -> Result<Frame, RecvError> {
        self.arrived.recv()
    }

    /// Returns the buffer of a frame to the reader. To allocate a new one for each piece of an archive takes longer
    /// than to read the piece.
    fn give_back(&self, payload: Vec<u8>) {
        // The reader has ended if this fails, and needs no buffer.
        let _ = self.used.send(payload);
    }
}

/// Starts to read frames.
pub(crate) fn start() -> Frames {
    let (sender, arrived) = sync_channel(WAITING);
    let (used, spare) = channel();
    std::thread::spawn(move || {
        let ended_well = read_all(&sender, &spare).is_ok();
        // The host is gone or has finished, and no process may outlive it.
        processes::end_all();
        // In a container that stays, the session still has to clean up.
        if !keeps_own() {
            leave(ended_well);
        }
    });
    Frames { arrived, used }
}

#[expect(
    clippy::exit,
    reason = "the end of the input ends everything, whatever the other threads wait for"
)]
fn leave(ended_well: bool) -> ! {
    std::process::exit(i32::from(!ended_well))
}

fn read_all(sender: &SyncSender<Frame>, spare: &Receiver<Vec<u8>>) -> io::Result<()> {
    let mut stdin = File::from(rustix::stdio::stdin().try_clone_to_owned()?);
    while let Some(frame) = Frame::read_from(&mut stdin, spare.try_recv().unwrap_or_default())? {
        if let (Kind::Signal, [number]) = (frame.kind, &frame.payload[..]) {
            processes::signal_script(i32::from(*number));
            continue;
        }
        if frame.kind == Kind::Request {
            processes::request_came();
        }
        sender.send(frame).map_err(|_| io::ErrorKind::BrokenPipe)?;
    }
    Ok(())
}

/// An archive that arrives as data frames followed by an end frame.
pub(crate) struct Archive<'a> {
    frames: &'a mut Frames,
    piece: io::Cursor<Vec<u8>>,
    pub(crate) bytes: u64,
    ended: bool,
}

impl<'a> Archive<'a> {
    pub(crate) fn new(frames: &'a mut Frames) -> Self {
        Self {
            frames,
            piece: io::Cursor::default(),
            bytes: 0,
            ended: false,
        }
    }

    fn next_piece(&mut self) -> io::Result<()> {
        let frame = self.frames.next();
        let frame = frame.map_err(|_| io::ErrorKind::UnexpectedEof)?;
        match frame.kind {
            Kind::Data => {
                self.bytes += frame.payload.len() as u64;
                let used = std::mem::replace(&mut self.piece, io::Cursor::new(frame.payload));
                self.frames.give_back(used.into_inner());
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
                let message = format!("a {kind:?} frame in an archive");
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
        }
        Ok(())
    }
}

impl Read for Archive<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Archive<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.piece.fill_buf()?.is_empty() && !self.ended {
            self.next_piece()?;
        }
        self.piece.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.piece.consume(count);
    }
}
