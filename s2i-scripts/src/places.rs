//! The directories in which the scripts read and write in a container.

use s2i_core::ContainerPath;

/// The directories of one run of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The source of the application.
    pub source: ContainerPath,
    /// The artifacts of the previous build; often absent.
    pub artifacts: ContainerPath,
    /// The directory that the image keeps: the application, and caches if they are wanted.
    pub app_root: ContainerPath,
    /// The scratch directory of a running build.
    pub scratch: ContainerPath,
}

impl Places {
    /// Returns the directory of programs.
    #[must_use]
    pub fn bin(&self) -> ContainerPath {
        below(&self.app_root, "bin")
    }

    /// Returns the directory of applications that are more than programs, in which they run.
    #[must_use]
    pub fn app(&self) -> ContainerPath {
        below(&self.app_root, "src")
    }

    /// Returns the directory of caches, which `save-artifacts` saves for the next build.
    #[must_use]
    pub fn cache(&self) -> ContainerPath {
        below(&self.app_root, "cache")
    }

    /// Returns a path in the scratch directory.
    #[must_use]
    pub fn scratch(&self, name: &'static str) -> ContainerPath {
        below(&self.scratch, name)
    }
}

/// Returns a path below another one; the name is one of this program's own.
pub(crate) fn below(path: &ContainerPath, name: &'static str) -> ContainerPath {
    path.join(name).expect("names of ours are plain")
}
