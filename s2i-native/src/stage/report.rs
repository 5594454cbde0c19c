//! The failure report of a stage, on its own standard streams.
//!
//! A stage is a child process, out of reach of the renderer of s2i. Either s2i reads the report from a pipe and shows
//! it, or the stage reports in place of the program that it failed to start, on the streams of that. This is the only
//! file of the engine that writes to a standard stream.

use std::{
    fmt::Display,
    fs::File,
    io::{self, Write as _},
};

use s2i_core::{
    Printable,
    wire::{Failure, Frame, Kind},
};

/// Writes a message to standard error, in one line without control sequences. Without a reader it is lost.
pub(crate) fn line(message: &impl Display) {
    let line = format!("{}\n", Printable::line(&message.to_string()));
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Writes a failure to standard output, as a frame of the agent's protocol. Without a reader it is lost.
pub(crate) fn frame(failure: &Failure) {
    if let Ok(stdout) = rustix::stdio::stdout().try_clone_to_owned() {
        let _ = Frame::json(Kind::Failure, failure).write_to(&mut File::from(stdout));
    }
}
