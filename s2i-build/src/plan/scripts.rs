//! The paths of scripts. Those of the requested URL come first, then those of the source, then those of the image.

use std::collections::{BTreeMap, BTreeSet};

use s2i_core::{
    ContainerPath, Layout, Script, ScriptsUrl, image::ContainerConfig, label::ImageLabels,
};

use super::{CopySource, FetchedScripts, PlanError, ScriptsInput, common::labels_of};
use crate::{
    facts::{Facts, ImageFacts, SourceFacts},
    request::BuildRequest,
    scripts::ScriptSet,
};

/// The scripts of a build that a URL may have.
const OF_BUILD: [Script; 3] = [Script::Assemble, Script::Run, Script::SaveArtifacts];

/// The scripts of a runtime image that a URL may have.
const OF_RUNTIME: [Script; 2] = [Script::AssembleRuntime, Script::Run];

/// The places where the scripts of an image can be.
pub(super) struct ScriptPaths<'a> {
    pub(super) image: &'a ImageFacts,
    pub(super) labels: &'a ImageLabels,
    pub(super) layout: &'a Layout,
    pub(super) source: &'a SourceFacts,
    pub(super) sets: &'a [ScriptSet],
    pub(super) requested: Option<&'a ScriptsUrl>,
}

/// The place of one script.
enum Place<'a> {
    /// The scripts of a URL.
    Fetched(&'a ScriptSet),
    /// The source.
    Source,
    /// This path of the image.
    Image(ContainerPath),
}

impl ScriptPaths<'_> {
    /// Returns the path of a script in the container.
    pub(super) fn find(&self, script: Script) -> Result<ContainerPath, PlanError> {
        match self.place(script)? {
            Some(Place::Image(path)) => Ok(path),
            Some(Place::Fetched(_) | Place::Source) => Ok(self.layout.script(script)),
            None => Err(self.missing(script)),
        }
    }

    /// Returns whether there is a script, in the image, the source or a URL.
    pub(super) fn has(&self, script: Script) -> Result<bool, PlanError> {
        Ok(self.place(script)?.is_some())
    }

    /// Returns the copies of those of the scripts that are not in the image.
    pub(super) fn copied(&self, scripts: &[Script]) -> Vec<CopySource> {
        let mut of_source = Vec::new();
        let mut fetched: BTreeMap<String, Vec<Script>> = BTreeMap::new();
        for script in scripts {
            match self.place(*script) {
                Ok(Some(Place::Source)) => of_source.push(*script),
                Ok(Some(Place::Fetched(set))) => {
                    fetched
                        .entry(set.url.to_string())
                        .or_default()
                        .push(*script);
                }
                _ => {}
            }
        }
        let of_source = (!of_source.is_empty()).then_some(CopySource::Scripts(of_source));
        let fetched = fetched
            .into_iter()
            .map(|(url, scripts)| CopySource::Fetched(FetchedScripts { url, scripts }));
        of_source.into_iter().chain(fetched).collect()
    }

    /// Returns whether the image's own script runs, and not one that takes its place.
    pub(super) fn is_own(&self, script: Script) -> bool {
        self.requested.is_none() && matches!(self.place(script), Ok(Some(Place::Image(_))))
    }

    /// Refuses a requested directory or server without any script.
    pub(super) fn check_requested(&self) -> Result<(), PlanError> {
        match self.requested.and_then(|url| self.fetched(url)) {
            Some(set) if set.files.is_empty() => {
                Err(PlanError::NoScriptsAtUrl(set.url.to_string()))
            }
            _ => Ok(()),
        }
    }

    fn place(&self, script: Script) -> Result<Option<Place<'_>>, PlanError> {
        if let Some(requested) = self.requested
            && let Some(place) = self.at(requested, script)
        {
            return Ok(Some(place));
        }
        if self.source.scripts.contains(&script) {
            return Ok(Some(Place::Source));
        }
        let url = label_url(self.image, self.labels)?;
        Ok(url.and_then(|url| self.at(&url, script)))
    }

    /// Returns the place of a script of a URL. Only a container shows whether it is in the image.
    fn at(&self, url: &ScriptsUrl, script: Script) -> Option<Place<'_>> {
        if let ScriptsUrl::Image(dir) = url {
            let path = dir.join(script.file_name());
            return path.ok().map(Place::Image);
        }
        let set = self.fetched(url)?;
        set.files
            .contains_key(&script)
            .then_some(Place::Fetched(set))
    }

    fn fetched(&self, url: &ScriptsUrl) -> Option<&ScriptSet> {
        let mut sets = self.sets.iter();
        sets.find(|set| set.url == *url)
    }

    fn missing(&self, script: Script) -> PlanError {
        let image = self.image.name.clone();
        match label_url(self.image, self.labels) {
            Ok(Some(url)) => PlanError::NotAtUrl {
                script,
                url: url.to_string(),
                image,
            },
            _ if self.image.config == ContainerConfig::default() => PlanError::NoConfig(image),
            _ => PlanError::NoScript { script, image },
        }
    }
}

/// Returns the URL in the label of an image: a directory of the image, or an address.
fn label_url(image: &ImageFacts, labels: &ImageLabels) -> Result<Option<ScriptsUrl>, PlanError> {
    let Some(text) = &labels.scripts_url else {
        return Ok(None);
    };
    match text.parse() {
        Ok(url @ (ScriptsUrl::Image(_) | ScriptsUrl::Http(_))) => Ok(Some(url)),
        // The URL comes from the user.
        Ok(url @ ScriptsUrl::File(_)) if !image.is_resolved() => Ok(Some(url)),
        // An image must not read files of this machine.
        Ok(ScriptsUrl::File(_)) | Err(_) => Err(PlanError::ScriptsUrl {
            image: image.name.clone(),
            url: text.clone(),
        }),
    }
}

/// Returns the URLs that scripts have to be fetched from, and the scripts that a build may take from each. A script of
/// the source comes before that of an image.
pub(crate) fn urls(request: &BuildRequest, facts: &Facts) -> Vec<(ScriptsUrl, Vec<Script>)> {
    let of_image = |image: &ImageFacts| label_url(image, &labels_of(image)).ok().flatten();
    let mut urls: BTreeMap<ScriptsUrl, BTreeSet<Script>> = BTreeMap::new();
    let mut add = |url: ScriptsUrl, scripts: &[Script]| {
        if !matches!(url, ScriptsUrl::Image(_)) {
            urls.entry(url).or_default().extend(scripts);
        }
    };
    let of_runtime = facts.runtime.iter().flat_map(|_| OF_RUNTIME);
    if let Some(url) = &request.scripts_url {
        let all: Vec<_> = OF_BUILD.into_iter().chain(of_runtime).collect();
        add(url.clone(), &all);
    }
    if !matches!(request.scripts_url, Some(ScriptsUrl::Image(_))) {
        let is_needed = |script: &Script| !facts.source.scripts.contains(script);
        let images = [
            (Some(&facts.builder), &OF_BUILD[..]),
            (facts.runtime.as_ref(), &OF_RUNTIME[..]),
        ];
        for (image, scripts) in images {
            let scripts: Vec<_> = scripts.iter().copied().filter(is_needed).collect();
            if let (Some(url), false) = (image.and_then(of_image), scripts.is_empty()) {
                add(url, &scripts);
            }
        }
    }
    let urls = urls.into_iter();
    urls.map(|(url, scripts)| (url, scripts.into_iter().collect()))
        .collect()
}

impl From<&ScriptSet> for ScriptsInput {
    fn from(set: &ScriptSet) -> Self {
        Self {
            url: set.url.to_string(),
            files: set.digests(),
        }
    }
}
