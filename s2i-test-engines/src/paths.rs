//! The directories of the workspace.

use std::path::{Path, PathBuf};

/// Returns the root of the workspace.
///
/// # Panics
/// Never: the manifest of this crate lies in a directory.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate lies in the workspace")
}

/// Returns the build directory of cargo: `CARGO_TARGET_DIR`, or else `target`.
#[must_use]
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Returns the directory for results of tasks: static programs, composed images, downloads, engines.
#[must_use]
pub fn made() -> PathBuf {
    target().join("s2i")
}
