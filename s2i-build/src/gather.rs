//! Asks the ports for facts and decides nothing.

use s2i_core::label::ImageLabels;

use crate::{
    cancel::CancelToken,
    engine::Engine,
    error::BuildError,
    event::{Phase, Progress},
    facts::Facts,
    request::BuildRequest,
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
    let images = std::iter::once(&builder).chain(&runtime);
    for image in images {
        progress.warn(ImageLabels::read(&image.config.labels, &image.config.env).1);
    }
    progress.end_phase();
    Ok((
        Facts {
            builder,
            runtime,
            source: fetched.facts.clone(),
        },
        fetched,
    ))
}
