//! The ports: the interfaces of a build to the outside, one trait for each need, implemented by adapters.
//!
//! A consumer requires only the traits that it calls. Planning takes an [`ImageResolver`] and a [`SourceReader`] and
//! runs nothing; the execution of a plan takes a [`Runner`], whose [`Container`] runs the steps of a stage, and the
//! [`ImageStore`], which names the results. A [`BuildCache`] avoids a build whose inputs have not changed.
//! [`Engine`] is an alias for the ports of a whole build. Beside building, [`ImageTransfer`] moves images between
//! engines and registries, an [`ImageInspector`] describes them, a [`Launcher`] starts applications, and an [`EngineProbe`] checks whether an engine
//! answers.
//!
//! The ports are about images and runs, not about the API of any engine: where an input lies on the host, a run
//! refers to it, and each engine decides whether to send, copy or mount it. All of them fail with [`EngineError`].

mod cache;
mod container;
mod error;
mod inspector;
mod launcher;
mod operation;
mod probe;
mod resolver;
mod runner;
mod source;
mod store;
mod transfer;

pub use cache::BuildCache;
pub use container::{Commit, Committed, Container, Content, Files, Input, Program};
pub use error::{BoxError, EngineError, blocking, failed};
pub use inspector::{ImageDescription, ImageInspector, LayerDescription};
pub use launcher::{Launch, Launcher, Publish};
pub use operation::Operation;
pub use probe::{EngineInfo, EngineProbe};
pub use resolver::ImageResolver;
pub use runner::{Artifacts, Runner, SourceTree, Start};
pub use source::SourceReader;
pub use store::{ImageStore, ImageSummary, Pruned};
pub use transfer::{ImageTransfer, Pushed, StoredContent};

/// An alias for the ports that a whole build needs of an engine.
pub trait Engine: ImageResolver + Runner + ImageStore + BuildCache {}

impl<T: ImageResolver + Runner + ImageStore + BuildCache> Engine for T {}
