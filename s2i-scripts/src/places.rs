//! Where the scripts read and write in a container.

use s2i_core::ContainerPath;

/// The directories of one run of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The source of the application.
    pub source: ContainerPath,
    /// What the previous build saved; often absent.
    pub artifacts: ContainerPath,
    /// What the image keeps: the application, and caches if they are wanted.
    pub app_root: ContainerPath,
    /// What only a running build needs.
    pub scratch: ContainerPath,
}

impl Places {
    /// Where programs are.
    #[must_use]
    pub fn bin(&self) -> ContainerPath {
        below(&self.app_root, "bin")
    }

    /// Where applications are that are more than programs, and in which they run.
    #[must_use]
    pub fn app(&self) -> ContainerPath {
        below(&self.app_root, "src")
    }

    /// Where caches are that `save-artifacts` hands to the next build.
    #[must_use]
    pub fn cache(&self) -> ContainerPath {
        below(&self.app_root, "cache")
    }

    /// A place in the scratch directory.
    #[must_use]
    pub fn scratch(&self, name: &'static str) -> ContainerPath {
        below(&self.scratch, name)
    }
}

/// A path with a name of ours below it.
pub(crate) fn below(path: &ContainerPath, name: &'static str) -> ContainerPath {
    path.join(name).expect("names of ours are plain")
}
