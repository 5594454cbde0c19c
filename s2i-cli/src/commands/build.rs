//! `s2i build`.

use s2i_build::{
    CancelToken, Engine as _,
    event::{Event, EventSink as _},
    source::LocalAndGit,
};

use super::engine;
use crate::{
    args::{Build, Global},
    error::Error,
    host::Host,
    render, request, signals,
};

pub(crate) async fn run(args: &Build, global: &Global, host: &Host) -> Result<(), Error> {
    let (request, diagnostics) = request::build(args, host)?;
    let engine = engine(global, host)?;
    let renderer = render::Renderer::new(global.progress, args.quiet, host);
    for problem in diagnostics {
        renderer.event(Event::Warning(problem));
    }
    let cancel = CancelToken::default();
    signals::watch(&cancel);
    // Asked before the source is fetched, so that nothing is fetched in vain.
    engine.probe().await?;
    let source = LocalAndGit {
        working_dir: host.working_dir.clone(),
        temp_dir: host.temp_dir.clone(),
    };
    let outcome = s2i_build::build(&engine, &source, &request, &renderer, &cancel).await?;
    renderer.outcome(&outcome);
    Ok(())
}
