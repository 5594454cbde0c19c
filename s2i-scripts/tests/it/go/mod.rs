//! Sources of Go, with the real toolchain of the host.
//!
//! - `build`: sources that build and sources that do not
//! - `samples`: the sample applications

mod build;
mod samples;
