//! The failure of a stage of a container: one message, and an exit code.

use std::{fmt::Display, process::ExitCode};

use s2i_core::wire::{Failure, FailureKind};

use super::spec::Program;
use crate::stage::report;

/// The exit code of `docker run` when there is no container.
const NO_CONTAINER: u8 = 125;

/// A failure: the operation, its subject and the reason, as a lower-case fragment.
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

    /// Reports it as the program that did not start would have, and returns the exit code.
    pub(super) fn report(self, program: &Program) -> ExitCode {
        match program {
            Program::Agent { .. } => report::frame(&Failure {
                kind: self.kind,
                message: self.message,
            }),
            Program::Direct(_) | Program::Nothing => {
                report::line(&format_args!("s2i: {}", self.message));
            }
        }
        ExitCode::from(self.exit)
    }
}

/// Adds the operation that failed to an error.
pub(super) trait OrFault<T> {
    fn or_fault(self, what: impl FnOnce() -> String) -> Result<T, Fault>;
}

impl<T, E: Display> OrFault<T> for Result<T, E> {
    fn or_fault(self, what: impl FnOnce() -> String) -> Result<T, Fault> {
        self.map_err(|err| Fault::new(format!("{}: {err}", what())))
    }
}
