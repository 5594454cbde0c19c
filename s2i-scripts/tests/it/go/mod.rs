//! Sources of Go, with the real toolchain of the host.
//!
//! - `build`: sources that build and sources that do not
//! - `files`: files that programs read when they run, and build constraints
//! - `samples`: the sample applications

mod build;
mod files;
mod samples;
