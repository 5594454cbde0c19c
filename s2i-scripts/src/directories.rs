//! The directories in which the scripts read and write in a container.

use s2i_core::ContainerPath;

/// The directories of one run of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directories {
    pub(crate) source: ContainerPath,
    /// The artifacts of the previous build; often absent.
    pub(crate) artifacts: ContainerPath,
    /// The directory that the image keeps: the application, and caches if they are wanted.
    pub(crate) app_root: ContainerPath,
    /// The scratch directory of a running build.
    pub(crate) scratch: ContainerPath,
}

impl Directories {
    /// Returns the directory of programs.
    pub(crate) fn bin(&self) -> ContainerPath {
        below(&self.app_root, "bin")
    }

    /// Returns the directory of applications that are more than programs, in which they run.
    pub(crate) fn app(&self) -> ContainerPath {
        below(&self.app_root, "src")
    }

    /// Returns the directory of caches, which `save-artifacts` saves for the next build.
    pub(crate) fn cache(&self) -> ContainerPath {
        below(&self.app_root, "cache")
    }

    /// Returns a path in the scratch directory.
    pub(crate) fn scratch(&self, name: &'static str) -> ContainerPath {
        below(&self.scratch, name)
    }
}

/// Returns a path below another one; the name is a literal of this crate.
pub(crate) fn below(path: &ContainerPath, name: &'static str) -> ContainerPath {
    path.join(name).expect("names in this crate are plain")
}
