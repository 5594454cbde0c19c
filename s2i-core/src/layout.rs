//! The directories of a build container.

use serde::{Deserialize, Serialize};

use crate::{ContainerPath, Script};

/// The directories below a builder's destination, which is `/tmp` unless the image or the user sets another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    destination: ContainerPath,
}

impl Layout {
    /// The destination of a builder that names none.
    pub const DEFAULT_DESTINATION: &'static str = "/tmp";

    /// The layout below `destination`.
    #[must_use]
    pub fn new(destination: ContainerPath) -> Self {
        Self { destination }
    }

    /// The directory of the source for `assemble`.
    #[must_use]
    pub fn source(&self) -> ContainerPath {
        self.below("src")
    }

    /// The directory of scripts that came with the source or from the user.
    #[must_use]
    pub fn scripts(&self) -> ContainerPath {
        self.below("scripts")
    }

    /// The path of one of those scripts.
    #[must_use]
    pub fn script(&self, script: Script) -> ContainerPath {
        self.below(&format!("scripts/{script}"))
    }

    /// The directory of the previous build's saved artifacts for `assemble`.
    #[must_use]
    pub fn artifacts(&self) -> ContainerPath {
        self.below("artifacts")
    }

    /// The directory of certificates that the scripts trust in addition to the image's own.
    #[must_use]
    pub fn trust(&self) -> ContainerPath {
        self.below("trust")
    }

    fn below(&self, name: &str) -> ContainerPath {
        self.destination
            .join(name)
            .expect("a plain name below a normalised path")
    }
}

impl Default for Layout {
    fn default() -> Self {
        Self::new(
            Self::DEFAULT_DESTINATION
                .parse()
                .expect("a normalised path"),
        )
    }
}

/// The directory of the scripts in a source tree, relative to its root.
pub const SOURCE_SCRIPTS_DIR: &str = ".s2i/bin";

/// The deprecated name of [`SOURCE_SCRIPTS_DIR`].
pub const OLD_SOURCE_SCRIPTS_DIR: &str = ".sti/bin";

/// The environment file of a source tree, relative to its root.
pub const SOURCE_ENVIRONMENT_FILE: &str = ".s2i/environment";

/// The ignore file of a source tree, relative to its root.
pub const IGNORE_FILE: &str = ".s2iignore";
