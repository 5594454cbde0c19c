//! Builds in the container that s2i itself runs in.
//!
//! A job of a CI system, a step of a pipeline or a pod runs in a container already, and has no right to start others.
//! If that container is one of a builder image, the build needs none: [`InPlaceEngine`] unpacks the source in it, runs
//! `assemble` as the present user, and takes what has changed as the layer of the result. It needs no namespace, mount,
//! capability or daemon.
//!
//! ```text
//!  base (this container) ──► job: the agent as a child ──► commit: what has changed, as a layer
//!  runtime image ──────────► composed: files alone ──────►           │
//!                                                                    ▼
//!                              push: base layers are mounted or copied in the registry; or an archive
//! ```
//!
//! The [base](Base) is found and not guessed: a `:ci` image has the config of the builder that it extends; otherwise
//! the user or the CI system names the image, and a registry describes it. Either is compared with the files that are
//! there. Base layers are never unpacked or stored: they stay in the registry, are copied from one registry to another
//! as a stream, or come from an archive in the image.
//!
//! Only the image of the own container can be run. A runtime image receives artifacts and nothing runs in it, so the
//! plan has to be made with [`AssembleRuntime::Omit`](s2i_build::request::AssembleRuntime::Omit).
//!
//! ```no_run
//! use s2i_build::Agents;
//! use s2i_in_place::{InPlaceEngine, Options};
//!
//! # fn agents() -> Agents { Agents::default() }
//! let mut options = Options::new(agents());
//! options.image = Some("registry.example.org/s2i/go:ci".parse()?);
//! let engine = InPlaceEngine::new(options)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agent;
mod archives;
mod artifacts;
mod base;
mod check;
mod composed;
mod container;
mod engine;
mod error;
mod image;
mod images;
mod job;
mod known;
mod layers;
mod lookup;
mod place;
mod push;
mod result;
mod store;

pub use base::{Base, BaseError};
pub use engine::{InPlaceEngine, Options};
pub use known::KnownImages;
pub use place::{NotInContainer, Place};
pub use result::ResultError;

/// The example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
