//! The output to the host: whole frames, from any thread.

use std::{
    fs::File,
    io::{self, Write},
    sync::{Arc, Mutex},
};

use s2i_core::wire::{Frame, Kind, MAX_PAYLOAD, write_frame};

/// A writer of frames to standard output, without a buffer.
#[derive(Clone)]
pub(crate) struct Output(Arc<Mutex<File>>);

impl Output {
    pub(crate) fn new() -> io::Result<Self> {
        let stdout = rustix::stdio::stdout().try_clone_to_owned()?;
        Ok(Self(Arc::new(Mutex::new(File::from(stdout)))))
    }

    /// Sends bytes of one kind in as many frames as necessary.
    pub(crate) fn send(&self, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        let file = self.0.lock();
        let mut file = file.map_err(|_| io::Error::other("a thread panicked"))?;
        let mut pieces = bytes.chunks(MAX_PAYLOAD);
        pieces.try_for_each(|piece| write_frame(&mut *file, kind, piece))
    }

    /// Sends one frame.
    pub(crate) fn frame(&self, frame: &Frame) -> io::Result<()> {
        self.send(frame.kind, &frame.payload)
    }
}

/// A writer that sends its input as data frames, and counts the bytes.
pub(crate) struct Data<'a> {
    pub(crate) output: &'a Output,
    pub(crate) bytes: u64,
}

impl Write for Data<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.send(Kind::Data, bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
