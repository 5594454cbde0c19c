//! Fakes and fixtures for the tests of this workspace.
//!
//! [`ScriptedEngine`] is an engine without real containers: a model with images, containers and a journal of
//! operations, in which any operation can be made to fail. It implements the same ports under the same rules as the
//! real engines, and a test checks at the end which resources are left.
//!
//! ```
//! use s2i_testkit::ScriptedEngine;
//!
//! let engine = ScriptedEngine::new();
//! engine.add_image("s2i/go", |config| config.user = "1001".into());
//! assert_eq!(engine.live_containers(), 0);
//! ```

mod container;
mod engine;
mod source;
mod sources;

pub use container::ScriptedContainer;
pub use engine::{Model, ScriptedEngine};
pub use source::FixedSource;
pub use sources::{SOURCES, write_source};
