//! The objects of builds, in whole.
//!
//! The golden files are in `snapshots`.

#[cfg(test)]
mod objects;
