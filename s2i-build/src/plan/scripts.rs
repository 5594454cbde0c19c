//! The paths of scripts. Those of the source have precedence over those of the image.

use s2i_core::{ContainerPath, Layout, Script, image::ContainerConfig, label::ImageLabels};

use super::PlanError;
use crate::facts::{ImageFacts, SourceFacts};

/// The places where the scripts of an image can be.
pub(super) struct ScriptPaths<'a> {
    pub(super) image: &'a ImageFacts,
    pub(super) labels: &'a ImageLabels,
    pub(super) layout: &'a Layout,
    pub(super) source: &'a SourceFacts,
}

impl ScriptPaths<'_> {
    /// Returns the path of a script in the container.
    pub(super) fn find(&self, script: Script) -> Result<ContainerPath, PlanError> {
        if self.source.scripts.contains(&script) {
            return Ok(self.layout.script(script));
        }
        match self.in_image(script)? {
            Some(path) => Ok(path),
            None if self.image.config == ContainerConfig::default() => {
                Err(PlanError::NoConfig(self.image.name.clone()))
            }
            None => Err(PlanError::NoScript {
                script,
                image: self.image.name.clone(),
            }),
        }
    }

    /// Returns the given scripts that the source has.
    pub(super) fn in_source(&self, scripts: &[Script]) -> Vec<Script> {
        let has = |script: &&Script| self.source.scripts.contains(script);
        scripts.iter().filter(has).copied().collect()
    }

    /// Returns the path that the label of the image gives a script. Only a container shows whether it exists.
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
