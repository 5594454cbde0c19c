//! Caches that one build leaves for the next.
//!
//! The name of a cache has the tools that can use it: `build-go1.27.3-linux-amd64` is nothing
//! to another Go. A build takes from the artifacts the caches that have the names that it wants itself,
//! so that what was made by other tools is never used.

use std::fs;

use super::{Phase, Step};
use crate::{Error, Host, Places, places::below, variables};

/// The caches of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caches {
    /// Those that the previous build has saved and this one wants.
    pub saved: Vec<String>,
    /// Those that the previous build has saved and this one can't use.
    pub foreign: Vec<String>,
}

impl Caches {
    /// Looks at the artifacts.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn find(wanted: &[String], places: &Places) -> Result<Self, Error> {
        let mut caches = Self::default();
        let path = places.artifacts.as_str();
        let entries = match fs::read_dir(path) {
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(caches),
            entries => entries.map_err(Error::file("read the directory", path))?,
        };
        for entry in entries {
            let entry = entry.map_err(Error::file("read the directory", path))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if wanted.contains(&name) {
                caches.saved.push(name);
            } else {
                caches.foreign.push(name);
            }
        }
        caches.saved.sort();
        caches.foreign.sort();
        Ok(caches)
    }

    /// The phase that puts the caches into place, if there are any.
    pub(crate) fn restore(&self, places: &Places, keep: bool) -> Option<Phase> {
        let into = directory(places, keep);
        let steps = self.saved.iter().filter_map(|name| {
            let from = places.artifacts.join(name).ok()?;
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
        self.foreign
            .iter()
            .map(|name| format!("the saved cache {name} is not used: other tools have made it"))
    }
}

/// The directory that caches are in while the build runs.
pub(crate) fn directory(places: &Places, keep: bool) -> s2i_core::ContainerPath {
    if keep {
        places.cache()
    } else {
        places.scratch("cache")
    }
}

/// The steps that leave the caches fit for the next build.
pub(crate) fn leave(wanted: &[String], limit: u64, places: &Places) -> Vec<Step> {
    let cache = places.cache();
    let trim = wanted.iter().filter_map(|name| {
        let path = cache.join(name).ok()?;
        Some(Step::Trim { path, limit })
    });
    trim.chain([Step::Share {
        path: cache.clone(),
    }])
    .collect()
}

/// Returns whether caches stay in the image: as the user wants, else if the next build needs them.
pub(crate) fn is_kept(host: &Host<'_>) -> Result<bool, Error> {
    match host.answer(variables::KEEP_CACHE)? {
        Some(answer) => Ok(answer),
        None => host.switch(variables::INCREMENTAL),
    }
}

/// The bytes that a kept cache may have.
pub(crate) fn limit(host: &Host<'_>) -> Result<u64, Error> {
    let limit = host.number(
        variables::CACHE_LIMIT,
        variables::DEFAULT_CACHE_LIMIT,
        "it is no number of millions of bytes",
    )?;
    Ok(limit.saturating_mul(1_000_000))
}

/// A text as a part of a directory's name.
pub(crate) fn plain(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    text.trim()
        .chars()
        .map(|c| if is_plain(c) { c } else { '-' })
        .collect()
}

/// The place of a cache while the build runs.
pub(crate) fn place(name: &str, places: &Places, keep: bool) -> s2i_core::ContainerPath {
    let directory = directory(places, keep);
    directory
        .join(name)
        .unwrap_or_else(|_| below(&directory, "other"))
}

#[cfg(test)]
mod tests {
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
    fn only_caches_of_the_same_tools_come_back() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name).to_str().unwrap().parse().unwrap();
        let places = Places {
            source: path("src"),
            artifacts: path("artifacts"),
            app_root: path("app"),
            scratch: path("scratch"),
        };
        let wanted = ["build-go1.27-amd64".to_owned(), "mod".to_owned()];
        assert_eq!(Caches::find(&wanted, &places).unwrap(), Caches::default());
        for name in ["mod", "build-go1.26-amd64"] {
            fs::create_dir_all(root.path().join("artifacts").join(name)).unwrap();
        }
        let caches = Caches::find(&wanted, &places).unwrap();
        assert_eq!(caches.saved, ["mod"]);
        assert_eq!(caches.foreign, ["build-go1.26-amd64"]);
        assert_eq!(caches.reasons().count(), 1);
        let phase = caches.restore(&places, true).unwrap();
        assert!(matches!(phase.steps[..], [Step::Move { .. }]));
        let phase = caches.restore(&places, false).unwrap();
        assert!(matches!(phase.steps[..], [Step::Use { .. }]));
        assert!(Caches::default().restore(&places, true).is_none());
        assert_eq!(plain("go1.27-rc/../1 x"), "go1.27-rc-..-1-x");
    }
}
