//! Caches that one build leaves for the next.
//!
//! The name of a cache has the tools that can use it: `build-go1.27.3-linux-amd64` is useless to another Go. A build
//! takes from the artifacts only the caches with the names of its own, so caches of other tools are never used.

use std::path::Path;

use s2i_core::ContainerPath;

use super::{Phase, Step, tree};
use crate::{Directories, Error, Host, directories::below, variables};

/// The caches that the previous build has saved, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caches {
    /// Those that this build uses.
    pub(crate) saved: Vec<String>,
    /// Those that this build cannot use.
    pub(crate) unusable: Vec<String>,
}

impl Caches {
    /// Looks at the artifacts.
    pub(crate) fn find(names: &[String], dirs: &Directories) -> Result<Self, Error> {
        let path = Path::new(dirs.artifacts.as_str());
        if !tree::is_there(path) {
            return Ok(Self::default());
        }
        let children = tree::children(path)?;
        let found = children
            .iter()
            .filter_map(|path| path.file_name()?.to_str());
        let (saved, unusable) = found
            .map(str::to_owned)
            .partition(|name| names.contains(name));
        Ok(Self { saved, unusable })
    }

    /// Returns the phase that restores the caches, if there are any.
    pub(crate) fn restore(&self, dirs: &Directories, keep: bool) -> Option<Phase> {
        let into = directory(dirs, keep);
        let steps = self.saved.iter().filter_map(|name| {
            let from = dirs.artifacts.join(name).ok()?;
            let to = into.join(name).ok()?;
            Some(if keep {
                Step::Move { from, to }
            } else {
                Step::Use { from, to }
            })
        });
        let steps: Vec<_> = steps.collect();
        (!steps.is_empty()).then(|| Phase::new("Restoring build artifacts", steps))
    }

    /// Returns the messages about the caches that cannot be used.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = String> {
        self.unusable
            .iter()
            .map(|name| format!("the saved cache {name} is not used: it is from other tools"))
    }
}

/// Returns the directory that caches are in while the build runs.
fn directory(dirs: &Directories, keep: bool) -> ContainerPath {
    if keep {
        dirs.cache()
    } else {
        dirs.scratch("cache")
    }
}

/// Returns the path of a cache while the build runs.
pub(crate) fn path(name: &str, dirs: &Directories, keep: bool) -> ContainerPath {
    let directory = directory(dirs, keep);
    directory
        .join(name)
        .unwrap_or_else(|_| below(&directory, "other"))
}

/// Returns the steps that make the caches ready for the next build.
pub(crate) fn finish(names: &[String], limit: u64, dirs: &Directories) -> Vec<Step> {
    let path = dirs.cache();
    let paths = names.iter().filter_map(|name| path.join(name).ok());
    paths
        .map(|path| Step::Trim { path, limit })
        .chain([Step::Share { path: path.clone() }])
        .collect()
}

/// Returns whether caches stay in the image: by default only if the next build is incremental.
pub(crate) fn is_kept(host: &Host<'_>) -> Result<bool, Error> {
    let is_incremental = host.switch(variables::S2I_INCREMENTAL, false)?;
    host.switch(variables::S2I_KEEP_CACHE, is_incremental)
}

/// Returns the size in bytes that a kept cache may have.
pub(crate) fn limit(host: &Host<'_>) -> Result<u64, Error> {
    let limit = host.number(
        variables::S2I_CACHE_LIMIT,
        variables::DEFAULT_CACHE_LIMIT,
        "it is not a number of millions of bytes",
    )?;
    Ok(limit.saturating_mul(1_000_000))
}

/// Returns a text as a part of a directory's name.
pub(crate) fn plain(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    text.trim().replace(|c| !is_plain(c), "-")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn caches_stay_for_the_next_build_unless_the_user_objects() {
        for (env, expected) in [
            (&[][..], false),
            (&[("S2I_INCREMENTAL", "true")], true),
            (&[("S2I_KEEP_CACHE", "true")], true),
            (
                &[("S2I_INCREMENTAL", "true"), ("S2I_KEEP_CACHE", "false")],
                false,
            ),
        ] {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let host = Host::new(["assemble"], env.iter().copied(), &mut out, &mut err);
            assert_eq!(is_kept(&host).unwrap(), expected, "{env:?}");
        }
    }

    #[test]
    fn only_caches_of_the_same_tools_are_restored() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name).to_str().unwrap().parse().unwrap();
        let dirs = Directories {
            source: path("src"),
            artifacts: path("artifacts"),
            app_root: path("app"),
            scratch: path("scratch"),
        };
        let wanted = ["build-go1.27-amd64".to_owned(), "mod".to_owned()];
        assert_eq!(Caches::find(&wanted, &dirs).unwrap(), Caches::default());
        for name in ["mod", "build-go1.26-amd64"] {
            fs::create_dir_all(root.path().join("artifacts").join(name)).unwrap();
        }
        let caches = Caches::find(&wanted, &dirs).unwrap();
        assert_eq!(caches.saved, ["mod"]);
        assert_eq!(caches.unusable, ["build-go1.26-amd64"]);
        assert_eq!(caches.reasons().count(), 1);
        let phase = caches.restore(&dirs, true).unwrap();
        assert!(matches!(phase.steps[..], [Step::Move { .. }]));
        let phase = caches.restore(&dirs, false).unwrap();
        assert!(matches!(phase.steps[..], [Step::Use { .. }]));
        assert!(Caches::default().restore(&dirs, true).is_none());
        assert_eq!(plain("go1.27-rc/../1 x"), "go1.27-rc-..-1-x");
    }
}
