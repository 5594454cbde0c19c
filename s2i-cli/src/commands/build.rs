//! `s2i build`.

use s2i_build::{
    CancelToken, Engine, Outcome,
    context::or_interrupted,
    ports::{EngineProbe, ImageResolver},
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
    let Inputs {
        source,
        mut request,
        renderer,
    } = inputs(engine, args, context, cancel).await?;
    adapt(&mut request);
    renderer.started(&request);
    let built = s2i_build::build(engine, &source, &request, &renderer, cancel).await;
    if let Some(url) = args.result.callback_url() {
        callback::send(url, built.as_ref(), &renderer).await;
    }
    let outcome = built?;
    renderer.outcome(&outcome);
    Ok((outcome, renderer))
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
    let Inputs {
        source,
        mut request,
        renderer,
    } = inputs(engine, args, context, cancel).await?;
    adapt(&mut request);
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

/// The inputs of the library, built from those of the command.
struct Inputs {
    source: Sources,
    request: BuildRequest,
    renderer: Renderer,
}

async fn inputs(
    engine: &impl EngineProbe,
    args: &Build,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<Inputs, Error> {
    let CommandContext { global, host, .. } = context;
    let (request, diagnostics) = request::build(args, context, cancel).await?;
    let renderer = Renderer::new(global, args.quiet, host);
    renderer.warnings(diagnostics);
    // The engine is probed before the source is fetched, so that nothing is fetched in vain.
    or_interrupted(engine.probe(), cancel).await?;
    Ok(Inputs {
        source: Sources::new(host, request.trust.clone()),
        request,
        renderer,
    })
}
