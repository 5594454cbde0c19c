//! Collects the facts from the ports, and makes no decisions.

use std::collections::BTreeMap;

use s2i_core::{Diagnostic, ImageRef, label::ImageLabels};

use crate::{
    context::BuildContext,
    error::BuildError,
    event::Phase,
    facts::{ChoiceFacts, Facts, ImageFacts, SourceFacts, SourceMatch},
    notice::Notice,
    plan::{Choice, ChoiceReason, script_urls, trigger_patterns},
    ports::{EngineError, ImageResolver, SourceReader},
    request::{ArtifactCache, BuildRequest, Builder, PreviousRequest, PullPolicy},
    scripts::{FetchedScript, ScriptSet},
    source::{Fetched, Survey},
};

/// Fetches the source.
///
/// # Errors
/// Those of the port.
pub async fn source<S: SourceReader>(
    source: &S,
    request: &BuildRequest,
    context: BuildContext<'_>,
) -> Result<Fetched, BuildError> {
    context.progress.phase(Phase::Source);
    let fetching = source.fetch(&request.source, context);
    let fetched = context.or_interrupted(async { Ok::<_, BuildError>(fetching.await?) });
    let mut fetched = fetched.await?;
    for notice in fetched.notices.drain(..) {
        context.progress.notice(notice);
    }
    context
        .progress
        .warn(std::mem::take(&mut fetched.diagnostics));
    Ok(fetched)
}

/// Collects the facts for the choice of a builder, where the request leaves it open.
///
/// # Errors
/// Those of the ports.
pub async fn for_choice<R: ImageResolver>(
    images: &R,
    source: &Fetched,
    request: &BuildRequest,
    context: BuildContext<'_>,
) -> Result<ChoiceFacts, BuildError> {
    context.progress.phase(Phase::Images);
    let either = match &request.builder {
        Builder::Named(_) => return Ok(ChoiceFacts::default()),
        Builder::Detected => None,
        Builder::Either(image) => {
            // A request to pull it always means a builder.
            let policy = match request.builder_pull {
                PullPolicy::Always => PullPolicy::Always,
                _ => PullPolicy::Never,
            };
            let found = images.resolve(image, policy, context);
            match found.await {
                Ok(facts) => Some(facts),
                Err(EngineError::NoSuchImage { .. }) => None,
                Err(err) => return Err(err.into()),
            }
        }
    };
    let listing = async { Ok::<_, BuildError>(source.root_entries().await?) };
    let root = context.or_interrupted(listing).await?;
    Ok(ChoiceFacts { root, either })
}

/// Looks up the images.
///
/// # Errors
/// Those of the port; [`BuildError::NoPickedBuilder`] where the request does not name the builder that is missing.
pub async fn images<R: ImageResolver>(
    images: &R,
    source: &Fetched,
    request: &BuildRequest,
    choice: &Choice,
    context: BuildContext<'_>,
) -> Result<Facts, BuildError> {
    let builder = images.resolve(&choice.builder, choice.pull, context);
    let builder = builder.await.map_err(|err| picked(err, choice))?;
    let runtime = match &request.runtime {
        Some(runtime) => Some(
            images
                .resolve(&runtime.image, runtime.pull, context)
                .await?,
        ),
        None => None,
    };
    let previous = previous(images, request, context).await?;
    let tagged = match &request.tag {
        Some(tag) => named(images, tag, context).await?,
        None => None,
    };
    let mut other_tagged = Vec::new();
    for tag in &request.other_tags {
        other_tagged.extend(named(images, tag, context).await?);
    }
    let images = std::iter::once(&builder).chain(&runtime);
    for image in images {
        context
            .progress
            .warn(ImageLabels::read(&image.config.labels, &image.config.env).1);
    }
    let survey = async { Ok::<_, BuildError>(source.survey().await) };
    let Survey {
        fingerprint,
        newest,
    } = context.or_interrupted(survey).await?;
    context.progress.end_phase();
    Ok(Facts {
        builder,
        runtime,
        previous,
        has_cached_artifacts: request
            .artifact_cache
            .as_ref()
            .is_some_and(ArtifactCache::has_artifacts),
        tagged,
        other_tagged,
        source: SourceFacts {
            fingerprint: fingerprint.filter(|_| !request.no_cache),
            newest,
            ..source.facts.clone()
        },
        scripts: Vec::new(),
        trigger_files: BTreeMap::new(),
    })
}

/// Looks for the files of the source that the triggers of the builder need.
///
/// # Errors
/// [`SourceError`](crate::SourceError) when the source can't be read or too many files match.
pub async fn trigger_files(
    source: &Fetched,
    request: &BuildRequest,
    facts: &Facts,
    context: BuildContext<'_>,
) -> Result<BTreeMap<String, Vec<SourceMatch>>, BuildError> {
    let patterns = trigger_patterns(request, facts);
    let finding = async { Ok::<_, BuildError>(source.find(patterns).await?) };
    context.or_interrupted(finding).await
}

/// Fetches the scripts of URLs.
///
/// # Errors
/// Those of the port.
pub async fn scripts<S: SourceReader>(
    source: &S,
    request: &BuildRequest,
    facts: &Facts,
    context: BuildContext<'_>,
) -> Result<Vec<ScriptSet>, BuildError> {
    let mut sets = Vec::new();
    for (url, scripts) in script_urls(request, facts) {
        let fetching = source.fetch_scripts(&url, &scripts, context);
        let fetching = context.or_interrupted(async { Ok::<_, BuildError>(fetching.await?) });
        let files = fetching.await?;
        let set = ScriptSet { url, files };
        let digests = set.digests().into_iter();
        let scripts = digests.map(|(script, digest)| FetchedScript { script, digest });
        context.progress.notice(Notice::ScriptsFetched {
            url: set.url.to_string(),
            scripts: scripts.collect(),
        });
        if set.url.is_plain_http() {
            let message = "these scripts came without encryption; compare their digests";
            let warning = Diagnostic::new(set.url.to_string(), message);
            context.progress.warn([warning]);
        }
        sets.push(set);
    }
    Ok(sets)
}

/// Adds the reason of the choice to the failure of a builder that the user has not named.
fn picked(err: EngineError, choice: &Choice) -> BuildError {
    match (err, &choice.reason) {
        (
            source @ (EngineError::NoSuchImage { .. } | EngineError::Pull { .. }),
            ChoiceReason::Detected {
                source: detection, ..
            },
        ) => BuildError::NoPickedBuilder {
            builder: choice.builder.clone(),
            detection: detection.clone(),
            source: source.into(),
        },
        (err, _) => err.into(),
    }
}

/// Looks up the image of the previous build; without it the build is a clean one.
async fn previous<R: ImageResolver>(
    images: &R,
    request: &BuildRequest,
    context: BuildContext<'_>,
) -> Result<Option<ImageFacts>, BuildError> {
    let Some(PreviousRequest {
        image, pull, from, ..
    }) = &request.previous
    else {
        return Ok(None);
    };
    let image = from.as_ref().unwrap_or(image);
    match images.resolve(image, *pull, context).await {
        Ok(facts) => Ok(Some(facts)),
        Err(EngineError::NoSuchImage { .. } | EngineError::Pull { .. }) => {
            context.progress.notice(Notice::NoPreviousImage {
                image: image.clone(),
            });
            Ok(None)
        }
        Err(err) => Err(err.into()),
    }
}

/// Looks up the image that currently has a name of the result.
async fn named<R: ImageResolver>(
    images: &R,
    tag: &ImageRef,
    context: BuildContext<'_>,
) -> Result<Option<ImageFacts>, BuildError> {
    // With a tag it is a name to every engine. Without one it could be a prefix of an ID.
    let name = format!("{}:{}", tag.name(), tag.tag_or_latest());
    let name: ImageRef = name.parse().expect("parts of a name");
    let found = images.resolve(&name, PullPolicy::Never, context);
    match found.await {
        Ok(facts) => Ok(Some(facts)),
        Err(EngineError::NoSuchImage { .. }) => Ok(None),
        Err(err) => Err(err.into()),
    }
}
