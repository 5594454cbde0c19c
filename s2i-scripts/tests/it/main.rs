//! Runs the real program, by its links, against the Go toolchain of the host.
//!
//! - `artifacts`: what `save-artifacts` writes, and what the next build makes of it
//! - `assemble`: sources that build and sources that do not
//! - `image`: the fixture, a directory that stands for an image
//! - `run`: becoming the application
//! - `samples`: the sample applications of the Go builder

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod artifacts;
mod assemble;
mod image;
mod run;
mod samples;
