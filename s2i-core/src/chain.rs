//! Shows an error together with its causes.

use std::{error::Error, fmt};

/// Displays an error and all its causes on one line.
///
/// No error type of this workspace repeats its source in its own `Display`, so this is the one
/// place where a chain becomes text.
pub struct ErrorChain<'a>(pub &'a dyn Error);

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(err) = cause {
            write!(f, ": {err}")?;
            cause = err.source();
        }
        Ok(())
    }
}
