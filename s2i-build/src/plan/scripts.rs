//! Which of several places a script is taken from.

use s2i_core::{ContainerPath, Layout, Script, image::ContainerConfig, label::ImageLabels};

use super::PlanError;
use crate::facts::{ImageFacts, SourceFacts};

/// Where scripts can be: in the source first, then in the image.
pub(super) struct Places<'a> {
    pub(super) image: &'a ImageFacts,
    pub(super) labels: &'a ImageLabels,
    pub(super) layout: &'a Layout,
    pub(super) source: &'a SourceFacts,
}

/// A script that was found.
pub(super) struct Found {
    /// Where it is in the container.
    pub(super) path: ContainerPath,
}

impl Places<'_> {
    pub(super) fn find(&self, script: Script) -> Result<Found, PlanError> {
        if self.source.scripts.contains(&script) {
            return Ok(Found {
                path: self.layout.script(script),
            });
        }
        match self.in_image(script)? {
            Some(path) => Ok(Found { path }),
            None if self.image.config == ContainerConfig::default() => Err(PlanError::NoConfig {
                image: self.image.name.clone(),
            }),
            None => Err(PlanError::NoScript {
                script,
                image: self.image.name.clone(),
            }),
        }
    }

    /// Those of the scripts that the source brings.
    pub(super) fn in_source(&self, scripts: &[Script]) -> Vec<Script> {
        let brings = |script: &&Script| self.source.scripts.contains(script);
        scripts.iter().filter(brings).copied().collect()
    }

    /// Where the image says that it keeps this script; whether it is there only a run can tell.
    fn in_image(&self, script: Script) -> Result<Option<ContainerPath>, PlanError> {
        let Some(url) = &self.labels.scripts_url else {
            return Ok(None);
        };
        let bad = || PlanError::ScriptsUrl {
            image: self.image.name.clone(),
            url: url.clone(),
        };
        let dir: ContainerPath = url
            .strip_prefix("image://")
            .ok_or_else(bad)?
            .parse()
            .map_err(|_| bad())?;
        dir.join(script.file_name()).map(Some).map_err(|_| bad())
    }
}
