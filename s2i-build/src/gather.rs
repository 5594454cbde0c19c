//! Asks the ports for facts and decides nothing.

use s2i_core::label::ImageLabels;

use crate::{
    cancel::CancelToken,
    engine::{Engine, EngineError},
    error::BuildError,
    event::{Phase, Progress},
    facts::{Facts, ImageFacts},
    request::{BuildRequest, PreviousRequest},
    source::{Fetched, Source},
};

/// Gets the source and finds the images.
///
/// # Errors
/// What the ports say.
pub async fn gather<E: Engine, S: Source>(
    engine: &E,
    source: &S,
    request: &BuildRequest,
    progress: &Progress<'_>,
    cancel: &CancelToken,
) -> Result<(Facts, Fetched), BuildError> {
    progress.phase(Phase::Source);
    let mut fetched = source.fetch(&request.source, progress, cancel).await?;
    progress.warn(std::mem::take(&mut fetched.diagnostics));
    progress.phase(Phase::Images);
    let builder = engine
        .resolve(&request.builder, request.builder_pull, progress, cancel)
        .await?;
    let runtime = match &request.runtime {
        Some(runtime) => Some(
            engine
                .resolve(&runtime.image, runtime.pull, progress, cancel)
                .await?,
        ),
        None => None,
    };
    let previous = previous(engine, request, progress, cancel).await?;
    let images = std::iter::once(&builder).chain(&runtime);
    for image in images {
        progress.warn(ImageLabels::read(&image.config.labels, &image.config.env).1);
    }
    progress.end_phase();
    let facts = Facts {
        builder,
        runtime,
        previous,
        source: fetched.facts.clone(),
    };
    Ok((facts, fetched))
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
