//! How a stage fails: with one message that reaches whoever asked for the container.

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

use super::Program;

/// What `docker run` exits with when there is no container.
const NO_CONTAINER: u8 = 125;

/// What failed, on what and why, as a lower-case fragment.
#[derive(Debug)]
pub(super) struct Fault {
    exit: u8,
    kind: FailureKind,
    message: String,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            exit: NO_CONTAINER,
            kind: FailureKind::Os,
            message: message.into(),
        }
    }

    /// The command can't be executed.
    pub(super) fn not_executable(message: impl Into<String>) -> Self {
        Self {
            exit: 126,
            kind: FailureKind::NotExecutable,
            message: message.into(),
        }
    }

    /// The command is not there.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self {
            exit: 127,
            kind: FailureKind::NotFound,
            message: message.into(),
        }
    }

    /// Tells it in the way of the program that did not start, and says how to exit.
    pub(super) fn tell(self, program: &Program) -> ExitCode {
        // Whoever would read it is gone when it can't be written.
        let _ = match program {
            Program::Agent { .. } => self.as_frame(),
            Program::Direct(_) | Program::Nothing => self.as_text(),
        };
        ExitCode::from(self.exit)
    }

    fn as_frame(&self) -> io::Result<()> {
        let failure = Failure {
            kind: self.kind,
            message: self.message.clone(),
        };
        let stdout = rustix::stdio::stdout().try_clone_to_owned()?;
        Frame::json(Kind::Failure, &failure).write_to(&mut File::from(stdout))
    }

    pub(super) fn as_text(&self) -> io::Result<()> {
        // Names of the image are in it, and it goes where the application writes to, as it is.
        let line = format!("s2i: {}\n", Printable::line(&self.message));
        io::stderr().write_all(line.as_bytes())
    }
}

/// Makes a fault of an error by saying what was to be done.
pub(super) trait OrFault<T> {
    fn or_fault(self, what: impl FnOnce() -> String) -> Result<T, Fault>;
}

impl<T, E: Display> OrFault<T> for Result<T, E> {
    fn or_fault(self, what: impl FnOnce() -> String) -> Result<T, Fault> {
        self.map_err(|err| Fault::new(format!("{}: {err}", what())))
    }
}
