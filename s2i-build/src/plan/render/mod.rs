//! Readers of a plan that show it in another form, and need no engine.

mod dockerfile;
mod text;

pub use dockerfile::{DOCKERFILE_SOURCE_DIR, DockerfileError};
