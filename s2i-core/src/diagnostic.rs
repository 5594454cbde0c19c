//! Problems in the input that are reported without stopping the build.

use std::fmt;

use crate::bounds;

/// A problem that was found in an input and worked around.
///
/// Parsers return diagnostics beside their result; the command prints them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The location of the problem, for example `.s2i/environment:3`.
    pub place: String,
    /// The problem and how it was handled, as a lower-case fragment.
    pub message: String,
}

impl Diagnostic {
    /// A diagnostic about `place`.
    pub fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// The diagnostics about the lines of one file: the first [`bounds::DIAGNOSTICS`] of them, and the number of the
/// rest.
pub(crate) struct LineDiagnostics<'a> {
    place: &'a str,
    reported: Vec<Diagnostic>,
    unreported: usize,
}

impl<'a> LineDiagnostics<'a> {
    /// An empty collection for the file `place`.
    pub(crate) fn new(place: &'a str) -> Self {
        Self {
            place,
            reported: Vec::new(),
            unreported: 0,
        }
    }

    /// Adds a diagnostic about a line, counted from 0.
    pub(crate) fn add(&mut self, index: usize, message: impl Into<String>) {
        if self.reported.len() == bounds::DIAGNOSTICS {
            self.unreported += 1;
        } else {
            let place = format!("{}:{}", self.place, index + 1);
            self.reported.push(Diagnostic::new(place, message));
        }
    }

    /// Returns the reported diagnostics, followed by one that counts the others; `rest` describes their problem.
    pub(crate) fn finish(mut self, rest: &str) -> Vec<Diagnostic> {
        if self.unreported > 0 {
            let message = format!("{} more lines {rest}", self.unreported);
            self.reported.push(Diagnostic::new(self.place, message));
        }
        self.reported
    }
}
