//! Readers of a plan that show it in another form, and need no engine.

mod dockerfile;
mod text;

pub use dockerfile::{
    DOCKERFILE_DIR, DOCKERFILE_INJECTIONS_DIR, DOCKERFILE_SOURCE_DIR, DOCKERFILE_TRUST_DIR,
    DockerfileError, DockerfileForm, dockerfile_scripts_dir,
};
