//! `s2i build`.

use s2i_build::{
    CancelToken, Engine, Outcome,
    cancel::or_interrupted,
    event::{Event, EventSink as _},
    source::LocalAndGit,
};

use super::Setting;
use crate::{args::Build, error::Error, render::Renderer, request};

pub(crate) async fn run(
    engine: &impl Engine,
    args: &Build,
    setting: &Setting<'_>,
    cancel: &CancelToken,
) -> Result<Outcome, Error> {
    let Setting { global, host, .. } = setting;
    let (request, diagnostics) = request::build(args, setting, cancel).await?;
    let renderer = Renderer::new(global.progress, args.quiet, host);
    for problem in diagnostics {
        renderer.event(Event::Warning(problem));
    }
    // Asked before the source is fetched, so that nothing is fetched in vain.
    or_interrupted(engine.probe(), cancel).await?;
    let source = LocalAndGit {
        working_dir: host.working_dir.clone(),
        temp_dir: host.temp_dir.clone(),
        git: || s2i_native::errand("git"),
    };
    let outcome = s2i_build::build(engine, &source, &request, &renderer, cancel).await?;
    renderer.outcome(&outcome);
    Ok(outcome)
}
