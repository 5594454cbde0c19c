//! The place at which a command runs: a directory, and the package whose scripts it can run.

use std::path::{Component, Path, PathBuf};

use super::{
    super::{Manifest, Project},
    nested::Nested,
};
use crate::Error;

/// A directory with the package that it is in. Both change together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The working directory.
    pub(super) directory: PathBuf,
    /// The directory of the package.
    pub(super) home: PathBuf,
    pub(super) manifest: Manifest,
}

impl Place {
    /// Returns the place in a directory: its own package, or that of the nearest directory above it, as npm looks for it.
    pub(super) fn enter(&self, to: &Path, app: &Path) -> Result<Self, Error> {
        let directory = normal(&self.directory.join(to));
        let above = directory
            .ancestors()
            .take_while(|path| path.starts_with(app));
        for home in above {
            if let Some(manifest) = Manifest::read(home)? {
                let home = home.to_owned();
                return Ok(Self {
                    directory,
                    home,
                    manifest,
                });
            }
        }
        Ok(Self {
            directory,
            ..self.clone()
        })
    }

    /// Returns the place in which a script runs: the directory of its package.
    pub(super) fn of_script(
        &self,
        nested: &Nested<'_>,
        project: &Project,
        app: &Path,
    ) -> Result<Self, Error> {
        let place = match (nested.directory, nested.workspace) {
            (Some(directory), _) => self.enter(Path::new(directory), app)?,
            (None, Some(name)) => {
                let path = name.trim_start_matches("./").trim_end_matches('/');
                let mut packages = project.packages.iter();
                let package = packages.find(|package| {
                    package.directory == path || package.manifest.name.as_deref() == Some(name)
                });
                let directory = package.map_or(path, |package| &package.directory);
                self.enter(&app.join(directory), app)?
            }
            (None, None) => self.clone(),
        };
        Ok(Self {
            directory: place.home.clone(),
            ..place
        })
    }
}

/// Returns a path without `.` and `..`, which a directory's link does not change here.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            component => normal.push(component),
        }
    }
    normal
}
