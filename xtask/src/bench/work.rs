//! What is measured: one row of the report each.

use std::path::Path;

use anyhow::Result;

use super::{Turn, buildkit, ours, settle::settle, source};
use crate::engine::Target;

/// A way to build, one of those that are compared.
pub(crate) enum Side<'a> {
    /// `s2i` on an engine.
    Ours {
        name: &'static str,
        target: &'a Target,
        /// Where the result goes as well.
        load: Option<&'a Target>,
    },
    /// BuildKit, on the engine at this URL.
    BuildKit { client: &'a Path, url: &'a str },
}

impl Side<'_> {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Ours { name, .. } => name,
            Self::BuildKit { .. } => "BuildKit",
        }
    }
}

/// A kind of build.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Nothing is known of the source.
    First(source::Shape),
    /// The build before was of the very same source.
    Again(source::Shape),
    /// The build before has left artifacts.
    Incremental,
}

/// The rows of the report.
pub(crate) const ROWS: [(&str, Work); 4] = [
    ("trivial: 1 file", Work::First(source::TRIVIAL)),
    ("large: 20,000 files, 400 MB", Work::First(source::LARGE)),
    ("large, nothing changed", Work::Again(source::LARGE)),
    ("incremental: 20,000 artifacts, 112 MB", Work::Incremental),
];

/// What `assemble` does in the build that leaves artifacts, and in those that reuse them: all of them get
/// into the new image.
const MAKE: &str = "make-artifacts 20000 5600\n";
const TAKE: &str = "copy-artifacts\n";

impl Work {
    /// Whether this side does such builds.
    pub(crate) fn is_for(self, side: &Side<'_>) -> bool {
        // Its cache mounts stay where they are: nothing is carried, and nothing is in the image.
        self != Self::Incremental || matches!(side, Side::Ours { .. })
    }

    /// One build before those that are measured, where it matters.
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

    /// One build.
    pub(crate) fn turn(self, side: &Side<'_>, dir: &Path) -> Result<Turn> {
        let tree = match self {
            Self::First(shape) | Self::Again(shape) => source::make(dir, &shape)?,
            Self::Incremental => source::instructions(dir, "incremental", TAKE)?,
        };
        self.forget(side)?;
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

    /// What the turn before made is not there for a first build, which would have nothing to store.
    fn forget(self, side: &Side<'_>) -> Result<()> {
        match (self, side) {
            (Self::First(_), Side::Ours { target, load, .. }) => {
                let mut targets = std::iter::once(*target).chain(*load);
                targets.try_for_each(|target| target.remove_images(&ours::TAGS))
            }
            (Self::First(_), Side::BuildKit { url, .. }) => buildkit::forget(url),
            (Self::Again(_) | Self::Incremental, _) => Ok(()),
        }
    }
}
