//! A whole build: gather, choose, plan, execute.

use std::time::Duration;

use s2i_core::{ImageRef, Secret};

use crate::{
    cancel::{CancelToken, or_interrupted},
    engine::{Committed, Engine, EngineError},
    error::Failed,
    event::{EventSink, Phase, Progress},
    execute::execute,
    gather,
    plan::{BuildPlan, choose, plan},
    request::BuildRequest,
    source::{Fetched, Source},
};

/// A build that ended well.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The image, as the engine calls it.
    pub image_id: String,
    /// Its name, if it got one.
    pub tag: Option<ImageRef>,
    /// The image that has built it.
    pub builder: ImageRef,
    /// Its size as the engine counts it, in bytes.
    pub size: u64,
    /// The phases in order, with what each took.
    pub times: Vec<(Phase, Duration)>,
}

/// Builds what was asked for.
///
/// # Errors
/// [`Failed`]; nothing is left behind unless its `cleanup` or a warning says so.
pub async fn build<E: Engine, S: Source>(
    engine: &E,
    source: &S,
    request: &BuildRequest,
    events: &dyn EventSink,
    cancel: &CancelToken,
) -> Result<Outcome, Failed> {
    let progress = Progress::new(events);
    let built = phases(engine, source, request, &progress, cancel).await;
    // Whatever came of it: what a script wrote last is shown before anybody says more.
    progress.end_phase();
    let (builder, tag, committed) = built?;
    Ok(Outcome {
        image_id: committed.id,
        tag,
        builder,
        size: committed.size,
        times: progress.times(),
    })
}

/// Gives the builder, the name of the result, and the result.
async fn phases<E: Engine, S: Source>(
    engine: &E,
    source: &S,
    request: &BuildRequest,
    progress: &Progress<'_>,
    cancel: &CancelToken,
) -> Result<(ImageRef, Option<ImageRef>, Committed), Failed> {
    let fetched = gather::source(source, request, progress, cancel).await?;
    let facts = gather::for_choice(engine, &fetched, request, progress, cancel).await?;
    let choice = choose(request, &facts)?;
    if let Some(sentence) = &choice.sentence {
        progress.notice(sentence);
    }
    let request = &BuildRequest {
        tag: choice.tag.clone(),
        ..request.clone()
    };
    let given = (request, &choice);
    let facts = gather::images(engine, &fetched, given, progress, cancel).await?;
    let plan = plan(request, &facts)?;
    if let (Some(previous), None) = (&facts.previous, &plan.save) {
        let name = &previous.name;
        progress.notice(format!(
            "a clean build: `{name}` does not say where its save-artifacts is"
        ));
    }
    let withheld = withheld(request, &plan).join(", ");
    if !withheld.is_empty() {
        progress.notice(format!(
            "assemble alone gets these variables, the image does not: {withheld}"
        ));
    }
    let made = make(engine, request, &plan, &fetched, progress, cancel).await?;
    Ok((choice.builder, choice.tag, made))
}

/// Variables that nobody called secrets, and that are.
fn withheld<'a>(request: &BuildRequest, plan: &'a BuildPlan) -> Vec<&'a str> {
    let secrets = plan.assemble.program.secrets.iter().map(Secret::name);
    let is_declared = |name: &str| request.secrets.iter().any(|known| known.name() == name);
    secrets.filter(|name| !is_declared(name)).collect()
}

/// Does what was planned, unless the engine remembers the result.
async fn make<E: Engine>(
    engine: &E,
    request: &BuildRequest,
    plan: &BuildPlan,
    source: &Fetched,
    progress: &Progress<'_>,
    cancel: &CancelToken,
) -> Result<Committed, Failed> {
    let key = || or_interrupted(key(request, plan, source), cancel);
    let before = key().await?;
    if let Some(key) = &before
        && let Some(made) = or_interrupted(engine.recall(key, request.tag.as_ref()), cancel).await?
    {
        progress.notice("nothing has changed since this image was built");
        return Ok(made);
    }
    let made = execute(engine, plan, source, progress, cancel).await?;
    // Where the source changed meanwhile, it is not known what was built. A stop comes too late here.
    if let Some(before) = before
        && let Ok(Some(after)) = key().await
        && after == before
    {
        engine.remember(&before, &made).await;
    }
    Ok(made)
}

/// What the engine may remember the build by; nothing where it must be done in any case.
async fn key(
    request: &BuildRequest,
    plan: &BuildPlan,
    source: &Fetched,
) -> Result<Option<String>, EngineError> {
    if request.no_cache {
        return Ok(None);
    }
    let fingerprint = source.fingerprint().await;
    Ok(fingerprint.and_then(|fingerprint| plan.key(&fingerprint)))
}
