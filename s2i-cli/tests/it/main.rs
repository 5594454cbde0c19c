//! The command without an engine.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod create;
mod dockerfiles;
mod shell;
