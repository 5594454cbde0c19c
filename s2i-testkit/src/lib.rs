//! Fakes and fixtures for the tests of this workspace.
//!
//! [`ScriptedEngine`] is an engine without containers: a model with images, running containers and a
//! journal of what was done, in which any operation can be made to fail. It implements the same port
//! under the same rules as the real ones, and a test asks it at the end what is left.
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
pub use engine::ScriptedEngine;
pub use source::FixedSource;
pub use sources::{SOURCES, write_source};
