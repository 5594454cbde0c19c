//! The failure report of a stage, on its own standard streams.
//!
//! A stage is a child process, out of reach of the renderer of s2i. Either s2i reads the report from a pipe and shows
//! it, or the stage reports in place of the program that it failed to start, on the streams of that. This is the only
//! file of the engine that writes to a standard stream.

use std::{
    fmt::Display,
    fs::File,
    io::{self, Write as _},
    process::ExitCode,
};

use s2i_core::{
    Printable,
    wire::{Failure, FailureKind, Frame, Kind},
};

use crate::sandbox::Program;

/// The exit codes of `docker run` for a program that was not started.
const NO_CONTAINER: u8 = 125;
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Writes a message to standard error, in one line without control sequences. Without a reader it is lost.
pub(crate) fn line(message: &impl Display) {
    let line = format!("{}\n", Printable::line(&message.to_string()));
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Reports the failure of a stage of a container in the way of the program that it did not start, and returns the exit
/// code. The agent's report is a frame of its protocol on standard output. Without a reader a report is lost.
pub(crate) fn failure(failure: &Failure, program: &Program) -> ExitCode {
    match program {
        Program::Agent { .. } => {
            if let Ok(stdout) = rustix::stdio::stdout().try_clone_to_owned() {
                let _ = Frame::json(Kind::Failure, failure).write_to(&mut File::from(stdout));
            }
        }
        Program::Direct(_) | Program::Nothing => line(&format_args!("s2i: {}", failure.message)),
    }
    ExitCode::from(match failure.kind {
        FailureKind::NotExecutable => NOT_EXECUTABLE,
        FailureKind::NotFound => NOT_FOUND,
        _ => NO_CONTAINER,
    })
}
