//! A whole build: gather, plan, execute.

use std::time::Duration;

use s2i_core::ImageRef;

use crate::{
    cancel::CancelToken,
    engine::Engine,
    error::Failed,
    event::{EventSink, Phase, Progress},
    execute::execute,
    gather::gather,
    plan::plan,
    request::BuildRequest,
    source::Source,
};

/// A build that ended well.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The image, as the engine calls it.
    pub image_id: String,
    /// Its name, if it got one.
    pub tag: Option<ImageRef>,
    /// Its size as the engine counts it, in bytes.
    pub size: u64,
    /// The phases in order, with what each took.
    pub times: Vec<(Phase, Duration)>,
}

/// Builds what was asked for.
///
/// # Errors
/// [`Failed`]; nothing is left behind unless its `cleanup` says so.
pub async fn build<E: Engine, S: Source>(
    engine: &E,
    source: &S,
    request: &BuildRequest,
    events: &dyn EventSink,
    cancel: &CancelToken,
) -> Result<Outcome, Failed> {
    let progress = Progress::new(events);
    let (facts, fetched) = gather(engine, source, request, &progress, cancel).await?;
    let plan = plan(request, &facts)?;
    let committed = execute(engine, &plan, &fetched, &progress, cancel).await?;
    Ok(Outcome {
        image_id: committed.id,
        tag: request.tag.clone(),
        size: committed.size,
        times: progress.times(),
    })
}
