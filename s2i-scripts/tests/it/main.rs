//! Runs the real program, by its links, against the toolchains of the host.
//!
//! - `artifacts`: the output of `save-artifacts`, and its use in the next build
//! - `binary`: programs that are built already
//! - `go`: sources of Go
//! - `image`: the fixture, a directory that stands for an image
//! - `node`: applications for Node.js
//! - `ranges`: ranges of versions, compared with npm
//! - `run`: becoming a program
//! - `runtime`: what `assemble` leaves for a runtime image
//! - `server`: applications that run, and their pages
//! - `site`: sites, served by `run` itself

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod artifacts;
mod binary;
mod go;
mod image;
mod node;
mod ranges;
mod run;
mod runtime;
mod server;
mod site;
