//! The embedded engine: builds and runs images in Linux namespaces, with no daemon.
//!
//! [`NativeEngine`] implements the ports of an engine with two parts: a [store](s2i_oci::store) that keeps layers as
//! directories, and a [`sandbox`] that starts processes over them. A container is a bundle, which is a directory of the
//! store, and an overlay of the image's layers with the bundle's upper directory; the [agent](s2i_build::Agents) is its
//! first process, as it is on Docker, and everything that happens in it is a request to the agent. Only the source
//! may be there before the agent, if the layers of the image show where it goes. In the end the upper directory, with
//! the changes of the container, becomes the layer: it is read once, for its digest, and renamed. No archive is packed,
//! and none is unpacked again for the next build.
//!
//! An ordinary user is root of a [user namespace](userns) meanwhile. The only helper program is `newuidmap`, and no
//! process listens: when s2i ends for any reason, its containers end.
//!
//! A program that uses the engine must call [`reexec`](reexec()) first in `main`. The feature `registry`, which is on
//! by default, brings the client for registries; without it, images come from
//! [archives](s2i_build::ports::ImageTransfer) alone.
//!
//! ```no_run
//! use s2i_build::{Agents, ports::ImageStore as _};
//! use s2i_native::{NativeEngine, Options};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! // Builds need the agents of the crate `s2i-agent-bin`.
//! let engine = NativeEngine::open(Options::new("/var/lib/s2i", Agents::default()))?;
//! for image in engine.list().await? {
//!     println!("{} {:?}", image.id, image.names);
//! }
//! # Ok(()) }
//! ```

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod build_cache;
mod bundle;
mod commit;
mod container;
mod descriptor;
mod engine;
mod error;
mod export;
mod files;
mod images;
mod launch;
mod layers;
#[cfg(not(feature = "registry"))]
mod no_registry;
mod programs;
#[cfg(feature = "registry")]
mod push;
mod reexec;
#[cfg(feature = "registry")]
mod registry;
pub mod sandbox;
mod source;
mod stage;
mod supervise;
mod tracked;
mod unchanged;
pub mod userns;

pub use container::{NativeBackend, NativeContainer};
pub use engine::{NativeEngine, Options};
pub use reexec::reexec;
pub use supervise::supervised_command;

/// The example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
