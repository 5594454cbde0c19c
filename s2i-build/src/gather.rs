//! Asks the ports for facts and decides nothing.

use s2i_core::{ImageRef, label::ImageLabels};

use crate::{
    cancel::{CancelToken, or_interrupted},
    engine::{Engine, EngineError},
    error::BuildError,
    event::{Phase, Progress},
    facts::{ChoiceFacts, Facts, ImageFacts, SourceFacts},
    plan::Choice,
    request::{BuildRequest, Builder, PreviousRequest, PullPolicy},
    source::{Fetched, Source},
};

/// Gets the source.
///
/// # Errors
/// What the port says.
pub async fn source<S: Source>(
    source: &S,
    request: &BuildRequest,
    progress: &Progress<'_>,
    cancel: &CancelToken,
) -> Result<Fetched, BuildError> {
    progress.phase(Phase::Source);
    let fetching = source.fetch(&request.source, progress, cancel);
    let fetched = or_interrupted(async { Ok::<_, BuildError>(fetching.await?) }, cancel);
    let mut fetched = fetched.await?;
    progress.warn(std::mem::take(&mut fetched.diagnostics));
    Ok(fetched)
}

/// Finds out what the choice of a builder depends on, where the request leaves it open.
///
/// # Errors
/// What the ports say.
pub async fn for_choice<E: Engine>(
    engine: &E,
    source: &Fetched,
    request: &BuildRequest,
    progress: &Progress<'_>,
    cancel: &CancelToken,
) -> Result<ChoiceFacts, BuildError> {
    progress.phase(Phase::Images);
    let either = match &request.builder {
        Builder::Named(_) => return Ok(ChoiceFacts::default()),
        Builder::Detected => None,
        Builder::Either(image) => {
            // Whoever wants it pulled in any case means a builder.
            let policy = match request.builder_pull {
                PullPolicy::Always => PullPolicy::Always,
                _ => PullPolicy::Never,
            };
            let found = engine.resolve(image, policy, progress, cancel);
            match found.await {
                Ok(facts) => Some(facts),
                Err(EngineError::NoSuchImage { .. }) => None,
                Err(err) => return Err(err.into()),
            }
        }
    };
    let listing = async { Ok::<_, BuildError>(source.root_entries().await?) };
    let root = or_interrupted(listing, cancel).await?;
    Ok(ChoiceFacts { root, either })
}

/// Finds the images.
///
/// # Errors
/// What the port says; [`BuildError::NoPickedBuilder`] where nobody named the builder that is missing.
pub async fn images<E: Engine>(
    engine: &E,
    source: &Fetched,
    (request, choice): (&BuildRequest, &Choice),
    progress: &Progress<'_>,
    cancel: &CancelToken,
) -> Result<Facts, BuildError> {
    let policy = if choice.is_ours {
        PullPolicy::Never
    } else {
        request.builder_pull
    };
    let builder = engine.resolve(&choice.builder, policy, progress, cancel);
    let builder = builder.await.map_err(|err| picked(err, choice))?;
    let runtime = match &request.runtime {
        Some(runtime) => Some(
            engine
                .resolve(&runtime.image, runtime.pull, progress, cancel)
                .await?,
        ),
        None => None,
    };
    let previous = previous(engine, request, progress, cancel).await?;
    let tagged = tagged(engine, request, progress, cancel).await?;
    let images = std::iter::once(&builder).chain(&runtime);
    for image in images {
        progress.warn(ImageLabels::read(&image.config.labels, &image.config.env).1);
    }
    let fingerprint = if request.no_cache {
        None
    } else {
        or_interrupted(fingerprint(source), cancel).await?
    };
    progress.end_phase();
    Ok(Facts {
        builder,
        runtime,
        previous,
        tagged,
        source: SourceFacts {
            fingerprint,
            ..source.facts.clone()
        },
    })
}

/// Returns the fingerprint of the source, where it has one.
///
/// # Errors
/// None; a source that can't be read has no fingerprint.
pub async fn fingerprint(source: &Fetched) -> Result<Option<String>, EngineError> {
    Ok(source.fingerprint().await)
}

/// The user has not named an image that s2i has picked, and would not know why it is missed.
fn picked(err: EngineError, choice: &Choice) -> BuildError {
    match (err, &choice.because) {
        (source @ (EngineError::NoSuchImage { .. } | EngineError::Pull { .. }), Some(because)) => {
            BuildError::NoPickedBuilder {
                builder: choice.builder.clone(),
                because: because.clone(),
                source: source.into(),
            }
        }
        (err, _) => err.into(),
    }
}

/// An image of the build before that is not there is no reason not to build.
async fn previous<E: Engine>(
    engine: &E,
    request: &BuildRequest,
    progress: &Progress<'_>,
    cancel: &CancelToken,
) -> Result<Option<ImageFacts>, BuildError> {
    let Some(PreviousRequest { image, pull }) = &request.previous else {
        return Ok(None);
    };
    match engine.resolve(image, *pull, progress, cancel).await {
        Ok(facts) => Ok(Some(facts)),
        Err(EngineError::NoSuchImage { .. } | EngineError::Pull { .. }) => {
            progress.notice(format!("a clean build: there is no image `{image}` yet"));
            Ok(None)
        }
        Err(err) => Err(err.into()),
    }
}

/// The image that has the name of the result so far.
async fn tagged<E: Engine>(
    engine: &E,
    request: &BuildRequest,
    progress: &Progress<'_>,
    cancel: &CancelToken,
) -> Result<Option<ImageFacts>, BuildError> {
    let Some(tag) = &request.tag else {
        return Ok(None);
    };
    // With a tag it is a name to every engine. Without one it could be the beginning of an id.
    let name = format!("{}:{}", tag.name(), tag.tag_or_latest());
    let name: ImageRef = name.parse().expect("parts of a name");
    let found = engine.resolve(&name, PullPolicy::Never, progress, cancel);
    match found.await {
        Ok(facts) => Ok(Some(facts)),
        Err(EngineError::NoSuchImage { .. }) => Ok(None),
        Err(err) => Err(err.into()),
    }
}
