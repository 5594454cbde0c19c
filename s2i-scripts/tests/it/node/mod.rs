//! Applications for Node.js, with the real Node.js and npm of the host.
//!
//! - `build`: installation, build and removal, without a network
//! - `frameworks`: builds whose output runs in place of the source
//! - `online`: the samples that download, in thorough runs
//! - `registry`: packages that need a token
//! - `start`: the start of applications, and the first process

mod build;
mod frameworks;
mod online;
mod registry;
mod start;
