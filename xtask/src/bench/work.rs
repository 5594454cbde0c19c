//! The measured builds, one for each row of the report.

use std::{fs, path::Path};

use anyhow::Result;

use super::{Turn, buildkit, commit, image, ours, settle::settle, source};
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
    /// Only the commit of the engine at this URL.
    Commit { client: &'a Path, url: &'a str },
}

impl Side<'_> {
    /// The names of the sides that are not ours.
    const BUILD_KIT: &'static str = "BuildKit";
    const COMMIT: &'static str = "docker commit";
    pub(crate) const OTHERS: [&'static str; 2] = [Self::BUILD_KIT, Self::COMMIT];

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Ours { name, .. } => name,
            Self::BuildKit { .. } => Self::BUILD_KIT,
            Self::Commit { .. } => Self::COMMIT,
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
    /// A first build for a runtime image.
    Runtime(source::Shape),
    /// A first build, with the Dockerfile of `s2i build --as-dockerfile` on the other side.
    Dockerfile(source::Shape),
    /// A commit of a container with the built source.
    Commit(source::Shape),
}

/// The rows of the report.
pub(crate) const ROWS: [(&str, Work); 7] = [
    ("trivial: 1 file", Work::First(source::TRIVIAL)),
    ("large: 20,000 files, 400 MB", Work::First(source::LARGE)),
    ("large, nothing changed", Work::Again(source::LARGE)),
    ("incremental: 20,000 artifacts, 112 MB", Work::Incremental),
    ("large, with a runtime image", Work::Runtime(source::LARGE)),
    ("large, --as-dockerfile", Work::Dockerfile(source::LARGE)),
    (
        "large, the engine's commit alone",
        Work::Commit(source::LARGE),
    ),
];

/// The instructions for `assemble` in the build that saves artifacts, and in those that reuse them. All
/// artifacts are copied into the new image.
const MAKE: &str = "make-artifacts 20000 5600\n";
const TAKE: &str = "copy-artifacts\n";

impl Work {
    /// Returns whether this side supports such builds.
    pub(crate) fn is_for(self, side: &Side<'_>) -> bool {
        match side {
            Side::Ours { .. } => !matches!(self, Self::Commit(_)),
            // Its cache mounts stay in place: nothing is transferred, and the image does not contain them.
            Side::BuildKit { .. } => !matches!(self, Self::Incremental | Self::Commit(_)),
            Side::Commit { .. } => matches!(self, Self::Commit(_)),
        }
    }

    /// Runs the build before the measured ones, if they need one.
    pub(crate) fn prepare(self, side: &Side<'_>, dir: &Path) -> Result<()> {
        match (self, side) {
            (Self::Again(_), _) => self.turn(side, dir).map(drop),
            (Self::Incremental, Side::Ours { target, load, .. }) => {
                let tree = source::instructions(dir, "artifacts", MAKE)?;
                ours::build(target, *load, image::NAME, &[], &tree).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Runs one build.
    pub(crate) fn turn(self, side: &Side<'_>, dir: &Path) -> Result<Turn> {
        let tree = match self {
            Self::First(shape)
            | Self::Again(shape)
            | Self::Runtime(shape)
            | Self::Dockerfile(shape)
            | Self::Commit(shape) => source::make(dir, &shape)?,
            Self::Incremental => source::instructions(dir, "incremental", TAKE)?,
        };
        let written = dir.join("as-dockerfile");
        self.remove_results(side, &written)?;
        settle(&tree)?;
        match side {
            Side::BuildKit { client, url } if matches!(self, Self::Dockerfile(_)) => {
                buildkit::build_written(client, url, &tree, &written)
            }
            Side::BuildKit { client, url } => {
                let is_first = !matches!(self, Self::Again(_));
                let is_runtime = matches!(self, Self::Runtime(_));
                buildkit::build(client, url, &tree, is_first, is_runtime)
            }
            Side::Commit { client, url } => commit::commit(client, url, &tree),
            Side::Ours { target, load, .. } => {
                let options: &[_] = match self {
                    Self::Again(_) => &[],
                    Self::Incremental => &["--no-cache", "--incremental"],
                    Self::Runtime(_) => &[
                        "--no-cache",
                        "--runtime-image",
                        image::RUNTIME,
                        "-a",
                        image::ARTIFACTS,
                    ],
                    _ => &["--no-cache"],
                };
                let builder = match self {
                    Self::Dockerfile(_) => image::TOOLS_NAME,
                    _ => image::NAME,
                };
                ours::build(target, *load, builder, options, &tree)
            }
        }
    }

    /// Removes the results of the previous turn before a first build, which would otherwise have nothing to
    /// store.
    fn remove_results(self, side: &Side<'_>, written: &Path) -> Result<()> {
        match (self, side) {
            (Self::Again(_) | Self::Incremental, _) => Ok(()),
            (_, Side::Ours { target, load, .. }) => {
                let mut targets = std::iter::once(*target).chain(*load);
                targets.try_for_each(|target| target.remove_images(&ours::TAGS))
            }
            (_, Side::BuildKit { url, .. }) => {
                let _ = fs::remove_dir_all(written);
                Target::Api((*url).to_owned()).remove_images(&[buildkit::TAG])?;
                buildkit::empty_cache(url)
            }
            (_, Side::Commit { url, .. }) => {
                Target::Api((*url).to_owned()).remove_images(&[commit::TAG])
            }
        }
    }
}
