//! The images of a Dockerfile, which no engine has to have: their labels come from their registries, if these can be
//! asked.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use s2i_build::{
    BuildContext, EngineError,
    facts::{ASSUMED_USER, ImageFacts},
    ports::ImageResolver,
    request::PullPolicy,
};
use s2i_core::{
    Diagnostic, ErrorChain, ImageRef, ScriptsUrl,
    label::{self, ImageLabels},
};
use s2i_oci::registry::Registry;

use super::super::registry_image::RegistryImage;
use crate::{context::CommandContext, error::Error, native};

/// The time that the look-up of an image may take.
const LOOK_UP: Duration = Duration::from_secs(15);

/// Images with the labels of their registries. Each that can't be looked up is assumed to be a builder.
pub(super) struct LabelledImages {
    /// The names of the result, which are the only ones that are not images.
    results: Vec<ImageRef>,
    /// The directory of the scripts of images without a label.
    scripts: ScriptsUrl,
    registry: Option<Registry>,
    /// True after the first failure, so that a machine without a network waits once.
    failed: AtomicBool,
}

impl LabelledImages {
    pub(super) fn new(
        results: Vec<ImageRef>,
        scripts: ScriptsUrl,
        asks: bool,
        context: &CommandContext<'_>,
    ) -> Result<Self, Error> {
        let registry = if asks {
            let options = native::registry(context)?;
            Some(Registry::new(options)?)
        } else {
            None
        };
        Ok(Self {
            results,
            scripts,
            registry,
            failed: AtomicBool::new(false),
        })
    }

    /// Returns the image as its registry has it.
    async fn look_up(&self, image: &ImageRef, context: BuildContext<'_>) -> Option<ImageFacts> {
        let registry = self.registry.as_ref()?;
        if self.failed.load(Ordering::Relaxed) {
            return None;
        }
        let found = tokio::time::timeout(LOOK_UP, RegistryImage::read(registry, image)).await;
        let reason = match found {
            Ok(Ok(found)) => return Some(self.labelled(image, &found)),
            Ok(Err(err)) => ErrorChain(&*err).to_string(),
            Err(_) => format!("there was no answer in {} seconds", LOOK_UP.as_secs()),
        };
        self.failed.store(true, Ordering::Relaxed);
        let scripts = &self.scripts;
        let message = format!(
            "its labels are not known, and its scripts are taken to be at {scripts}: {reason}"
        );
        let warning = Diagnostic::new(image.to_string(), message);
        context.progress.warn([warning]);
        None
    }

    fn labelled(&self, image: &ImageRef, found: &RegistryImage) -> ImageFacts {
        // Builders of Dockerfiles differ in what a short name means.
        let name = image.normalised().parse().unwrap_or_else(|_| image.clone());
        let mut facts = found.facts(name);
        let own = &mut facts.config;
        let (labels, _) = ImageLabels::read(&own.labels, &own.env);
        if labels.scripts_url.is_none() {
            let scripts = self.scripts.to_string();
            own.labels.insert(label::SCRIPTS_URL.into(), scripts);
        }
        if matches!(own.user.as_str(), "" | "0" | "root") {
            own.user = ASSUMED_USER.into();
        }
        facts
    }
}

impl ImageResolver for LabelledImages {
    async fn resolve(
        &self,
        image: &ImageRef,
        policy: PullPolicy,
        context: BuildContext<'_>,
    ) -> Result<ImageFacts, EngineError> {
        // Only the look-up of the result's names never pulls.
        let is_never = policy == PullPolicy::Never;
        let mut results = self.results.iter();
        if is_never && results.any(|result| result.normalised() == image.normalised()) {
            let image = image.clone();
            return Err(EngineError::NoSuchImage { image });
        }
        let found = async {
            let found = if is_never {
                None
            } else {
                self.look_up(image, context).await
            };
            Ok(found.unwrap_or_else(|| ImageFacts::assumed(image, &self.scripts)))
        };
        context.or_interrupted(found).await
    }
}
