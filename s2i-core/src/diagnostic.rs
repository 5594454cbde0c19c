//! Soft problems: worth telling, no reason to stop.

use std::fmt;

/// A problem that was found in an input and worked around.
///
/// Parsers return these beside their result; whoever owns the terminal shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where it was found, for example `.s2i/environment:3`.
    pub place: String,
    /// What was found and what was done about it: a lower-case fragment.
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
