//! `s2i build`.

use s2i_build::{
    CancelToken, Engine, Outcome,
    context::or_interrupted,
    ports::{EngineProbe, ImageResolver, SourceReader},
    request::BuildRequest,
};
use serde_json::json;

use super::callback;
use crate::{
    args::{Build, PlanForm},
    context::CommandContext,
    error::Error,
    render::Renderer,
    request,
    sources::Sources,
};

pub(crate) async fn run(
    engine: &(impl Engine + EngineProbe),
    args: &Build,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(Outcome, Renderer), Error> {
    adapted(engine, args, &|_| (), context, cancel).await
}

/// A change of the request for the engine.
pub(super) type Adapt<'a> = dyn Fn(&mut BuildRequest) + 'a;

/// Builds an image after a change of the request.
pub(super) async fn adapted(
    engine: &(impl Engine + EngineProbe),
    args: &Build,
    adapt: &Adapt<'_>,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(Outcome, Renderer), Error> {
    let (mut request, renderer) = inputs(engine, args, context, cancel).await?;
    adapt(&mut request);
    let source = sources(&request, context);
    let outcome = of_source(engine, &source, &request, args, &renderer, cancel).await?;
    Ok((outcome, renderer))
}

/// Builds an image of a request with this reader of sources.
pub(super) async fn of_source(
    engine: &impl Engine,
    source: &impl SourceReader,
    request: &BuildRequest,
    args: &Build,
    renderer: &Renderer,
    cancel: &CancelToken,
) -> Result<Outcome, Error> {
    renderer.started(request);
    let built = s2i_build::build(engine, source, request, renderer, cancel).await;
    if let Some(url) = args.result.callback_url() {
        callback::send(url, built.as_ref(), renderer).await;
    }
    let outcome = built?;
    renderer.outcome(&outcome);
    Ok(outcome)
}

/// Prints the plan of the build.
pub(crate) async fn dry_run(
    engine: &(impl ImageResolver + EngineProbe),
    args: &Build,
    form: PlanForm,
    adapt: &Adapt<'_>,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let (mut request, renderer) = inputs(engine, args, context, cancel).await?;
    adapt(&mut request);
    let source = sources(&request, context);
    let prepared = s2i_build::prepare(engine, &source, &request, &renderer, cancel).await?;
    let plan = prepared.plan();
    let document = json!(plan);
    let text = match form {
        PlanForm::Text => plan.to_string(),
        PlanForm::Json => format!("{document:#}\n"),
    };
    renderer.answer(&text, &json!({"event": "planned", "plan": document}));
    Ok(())
}

/// Returns the reader of the sources that command lines name.
pub(super) fn sources(request: &BuildRequest, context: &CommandContext<'_>) -> Sources {
    Sources::new(context.host, request.trust.clone())
}

/// Returns the request, and the renderer for its progress.
pub(super) async fn inputs(
    engine: &impl EngineProbe,
    args: &Build,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(BuildRequest, Renderer), Error> {
    let CommandContext { global, host, .. } = context;
    let (request, diagnostics) = request::build(args, context, cancel).await?;
    let renderer = Renderer::new(global, args.quiet, host);
    renderer.warnings(diagnostics);
    // The engine is probed before the source is fetched, so that nothing is fetched in vain.
    or_interrupted(engine.probe(), cancel).await?;
    Ok((request, renderer))
}
