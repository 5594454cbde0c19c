//! Where things lie in a build container.

use serde::{Deserialize, Serialize};

use crate::{ContainerPath, Script};

/// The directories below a builder's destination, `/tmp` unless the image or the user says
/// otherwise.
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

    /// The destination itself.
    #[must_use]
    pub fn destination(&self) -> &ContainerPath {
        &self.destination
    }

    /// Where `assemble` finds the source.
    #[must_use]
    pub fn source(&self) -> ContainerPath {
        self.below("src")
    }

    /// Where scripts lie that came with the source or from the user.
    #[must_use]
    pub fn scripts(&self) -> ContainerPath {
        self.below("scripts")
    }

    /// Where one of those scripts lies.
    #[must_use]
    pub fn script(&self, script: Script) -> ContainerPath {
        self.below(&format!("scripts/{script}"))
    }

    /// Where `assemble` finds what the previous build saved.
    #[must_use]
    pub fn artifacts(&self) -> ContainerPath {
        self.below("artifacts")
    }

    /// Where the scripts find certificates that they are to trust beside the image's own.
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

/// The directory in a source tree that holds what is meant for s2i.
pub const SOURCE_S2I_DIR: &str = ".s2i";

/// Where a source tree keeps scripts of its own, relative to its root.
pub const SOURCE_SCRIPTS_DIR: &str = ".s2i/bin";

/// The environment file of a source tree, relative to its root.
pub const SOURCE_ENVIRONMENT_FILE: &str = ".s2i/environment";

/// The ignore file of a source tree, relative to its root.
pub const IGNORE_FILE: &str = ".s2iignore";
