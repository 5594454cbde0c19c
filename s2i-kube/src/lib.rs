//! Objects of Kubernetes, and of systems on it, that build and run images from source.
//!
//! Each module has requests, which are plain structs, and a function of each that returns its objects. Nothing here
//! connects to a cluster or reads a file, so objects can be written, compared and checked anywhere; only the feature
//! `client` brings a client.
//!
//! | module | objects |
//! |---|---|
//! | [`document`] | none: it writes objects as YAML or JSON, and reads them |
//!
//! What has to hold is in the types as far as they can express it: a build has one strategy, an inline Dockerfile has
//! less than 60,000 bytes, a [`Name`] is one that every kind of object may have. The objects satisfy the `restricted`
//! standard for pods wherever the system that runs them lets them.

pub mod document;
mod name;

pub use name::{Name, NameError, Reference};

/// The example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
