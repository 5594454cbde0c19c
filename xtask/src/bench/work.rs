//! The measured builds, one for each row of the report.

use std::path::Path;

use anyhow::Result;

use super::{Turn, buildkit, ours, settle::settle, source};
use crate::engine::Target;

/// One of the compared ways to build.
pub(crate) enum Side<'a> {
    /// `s2i` on an engine.
    Ours {
        name: &'static str,
        target: &'a Target,
        /// The engine into which the result is loaded.
        load: Option<&'a Target>,
    },
    /// BuildKit, on the engine at this URL.
    BuildKit { client: &'a Path, url: &'a str },
}

impl Side<'_> {
    /// The name of the side that is not ours.
    pub(crate) const BUILD_KIT: &'static str = "BuildKit";

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Ours { name, .. } => name,
            Self::BuildKit { .. } => Self::BUILD_KIT,
        }
    }
}

/// A kind of build.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// A build of an unknown source.
    First(source::Shape),
    /// A build after a build of the same source.
    Again(source::Shape),
    /// A build with the artifacts of the previous one.
    Incremental,
}

/// The rows of the report.
pub(crate) const ROWS: [(&str, Work); 4] = [
    ("trivial: 1 file", Work::First(source::TRIVIAL)),
    ("large: 20,000 files, 400 MB", Work::First(source::LARGE)),
    ("large, nothing changed", Work::Again(source::LARGE)),
    ("incremental: 20,000 artifacts, 112 MB", Work::Incremental),
];

/// The instructions for `assemble` in the build that saves artifacts, and in those that reuse them. All
/// artifacts are copied into the new image.
const MAKE: &str = "make-artifacts 20000 5600\n";
const TAKE: &str = "copy-artifacts\n";

impl Work {
    /// Returns whether this side supports such builds.
    pub(crate) fn is_for(self, side: &Side<'_>) -> bool {
        // Cache mounts of BuildKit stay in place: nothing is transferred, and the image does not contain them.
        self != Self::Incremental || matches!(side, Side::Ours { .. })
    }

    /// Runs the build before the measured ones, if they need one.
    pub(crate) fn prepare(self, side: &Side<'_>, dir: &Path) -> Result<()> {
        match (self, side) {
            (Self::Again(_), _) => self.turn(side, dir).map(drop),
            (Self::Incremental, Side::Ours { target, load, .. }) => {
                let tree = source::instructions(dir, "artifacts", MAKE)?;
                ours::build(target, *load, &[], &tree).map(drop)
            }
            (Self::First(_), _) | (Self::Incremental, Side::BuildKit { .. }) => Ok(()),
        }
    }

    /// Runs one build.
    pub(crate) fn turn(self, side: &Side<'_>, dir: &Path) -> Result<Turn> {
        let tree = match self {
            Self::First(shape) | Self::Again(shape) => source::make(dir, &shape)?,
            Self::Incremental => source::instructions(dir, "incremental", TAKE)?,
        };
        self.remove_result(side)?;
        settle(&tree)?;
        match side {
            Side::BuildKit { client, url } => {
                let is_first = matches!(self, Self::First(_));
                buildkit::build(client, url, &tree, is_first)
            }
            Side::Ours { target, load, .. } => {
                let options: &[_] = match self {
                    Self::First(_) => &["--no-cache"],
                    Self::Again(_) => &[],
                    Self::Incremental => &["--no-cache", "--incremental"],
                };
                ours::build(target, *load, options, &tree)
            }
        }
    }

    /// Removes the result of the previous turn before a first build, which would otherwise have nothing to
    /// store.
    fn remove_result(self, side: &Side<'_>) -> Result<()> {
        match (self, side) {
            (Self::First(_), Side::Ours { target, load, .. }) => {
                let mut targets = std::iter::once(*target).chain(*load);
                targets.try_for_each(|target| target.remove_images(&ours::TAGS))
            }
            (Self::First(_), Side::BuildKit { url, .. }) => buildkit::empty_cache(url),
            (Self::Again(_) | Self::Incremental, _) => Ok(()),
        }
    }
}
