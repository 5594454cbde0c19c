//! The ports: what the build needs of the world, one trait for each need, implemented by adapters.
//!
//! A consumer asks for the traits that it calls. Planning takes an [`ImageResolver`] and a [`SourceReader`] and
//! needs nothing that runs; carrying out a plan takes a [`Runner`], whose [`Container`] is where a stage happens,
//! and the [`ImageStore`], which names the results. A [`BuildCache`] saves a build whose inputs have not changed.
//! [`Engine`] is an alias for what a whole build needs. Beside building, [`ImageTransfer`] moves images between
//! engines and registries, a [`Launcher`] starts applications, and an [`EngineProbe`] finds out whether an engine
//! answers at all.
//!
//! The ports are about images and runs, not about the API of any engine: where an input lies on the host, a run
//! refers to it, and each engine decides whether to send, copy or mount it. All of them fail with [`EngineError`].

mod cache;
mod container;
mod error;
mod launcher;
mod operation;
mod probe;
mod resolver;
mod runner;
mod source;
mod store;
mod transfer;

pub use cache::BuildCache;
pub use container::{Commit, Committed, Container, Content, Input, Program};
pub use error::{BoxError, EngineError};
pub use launcher::{Launch, Launcher, Publish};
pub use operation::Operation;
pub use probe::{EngineInfo, EngineProbe};
pub use resolver::ImageResolver;
pub use runner::{Artifacts, Runner, SourceTree, Start};
pub use source::SourceReader;
pub use store::{ImageStore, ImageSummary, Pruned};
pub use transfer::{Holdings, ImageTransfer, Pushed};

/// An alias for the ports that a whole build needs of an engine.
pub trait Engine: ImageResolver + Runner + ImageStore + BuildCache {}

impl<T: ImageResolver + Runner + ImageStore + BuildCache> Engine for T {}
