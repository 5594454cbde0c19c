//! Applications for Node.js, with the real Node.js and npm of the host.
//!
//! - `build`: what is installed, built and taken away again, without a network
//! - `online`: the samples that download, where that is asked for
//! - `registry`: packages that need a token
//! - `start`: how applications start, and what the first process does

mod build;
mod online;
mod registry;
mod start;
