//! The commands, one file each.

mod build;
mod build_here;
mod build_load;
mod callback;
#[cfg(feature = "kube")]
mod cluster;
mod create;
mod dockerfile;
pub(crate) mod doctor;
mod export;
mod images;
mod inspect;
#[cfg(feature = "kube")]
pub(crate) mod kube;
mod load;
mod login;
mod logout;
mod pod;
mod prune;
mod pull;
mod push;
mod rebuild;
mod registry_image;
mod result;
mod rmi;
mod run;
mod shell;
mod tag;
mod usage;
mod version;

use std::process::ExitCode;

use s2i_build::{
    CancelToken, Engine,
    context::or_interrupted,
    event::{Event, EventSink as _},
    ports::{EngineProbe, ImageInspector, ImageTransfer, Launcher},
};
use s2i_core::Printable;

use crate::{
    args::EngineCommand, context::CommandContext, engine::AnyEngine, error::Error, exit, render,
};

pub(crate) use build_here::run as build_here;
#[cfg(feature = "kube")]
pub(crate) use cluster::{ClusterError, build_on_cluster, repository_job, run as cluster};
pub(crate) use create::run as create;
pub(crate) use dockerfile::{generate, run as dockerfile};
pub(crate) use inspect::of_registry as inspect_registry;
pub(crate) use login::run as login;
pub(crate) use logout::run as logout;
pub(crate) use pod::{PodBuild, PodError, run as pod};
pub(crate) use shell::{completion, man};
pub(crate) use version::run as version;

/// Runs a command with the chosen engine.
pub(crate) async fn run(
    command: &EngineCommand,
    engine: &AnyEngine,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    use EngineCommand::{Build, Rebuild, Run, Usage};

    if let (AnyEngine::Native(_, Some(restriction)), Build(_) | Rebuild(_) | Run(_) | Usage(_)) =
        (engine, command)
    {
        let warning = Event::Warning(restriction.clone());
        context.renderer().event(warning);
    }
    let load = match command {
        Build(args) => args.load.as_ref().map(|destination| (args, destination)),
        _ => None,
    };
    match (engine, load) {
        (AnyEngine::Native(engine, _), Some((args, destination))) => {
            build_load::run(engine, args, destination, context, cancel).await
        }
        (AnyEngine::Api(_), Some(_)) => Err(Error::LoadOfApi),
        (AnyEngine::Api(engine), None) => Box::pin(with(&**engine, command, context, cancel)).await,
        (AnyEngine::Native(engine, _), None) => {
            Box::pin(with(&**engine, command, context, cancel)).await
        }
    }
}

async fn with<E: Engine + EngineProbe + ImageInspector + ImageTransfer + Launcher>(
    engine: &E,
    command: &EngineCommand,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    match command {
        EngineCommand::Build(args) => match args.dry_run {
            Some(form) => {
                Box::pin(build::dry_run(engine, args, form, &|_| (), context, cancel)).await?;
            }
            None => return Box::pin(result::build(engine, args, context, cancel)).await,
        },
        EngineCommand::Rebuild(args) => {
            return Box::pin(rebuild::run(engine, args, context, cancel)).await;
        }
        EngineCommand::Run(args) => return run::run(engine, args, context, cancel).await,
        EngineCommand::Usage(args) => usage::run(engine, args, context, cancel).await?,
        EngineCommand::Inspect(args) => {
            or_interrupted(inspect::run(engine, args, context), cancel).await?;
        }
        EngineCommand::Images(args) => {
            or_interrupted(images::run(engine, args, context), cancel).await?;
        }
        EngineCommand::Rmi(args) => {
            return or_interrupted(rmi::run(engine, args, context), cancel).await;
        }
        EngineCommand::Tag(args) => {
            or_interrupted(tag::run(engine, args, context), cancel).await?;
        }
        EngineCommand::Push(args) => push::run(engine, args, context, cancel).await?,
        EngineCommand::Pull(args) => pull::run(engine, args, context, cancel).await?,
        EngineCommand::Load(args) => load::run(engine, args, context, cancel).await?,
        EngineCommand::Export(args) => export::run(engine, args, context, cancel).await?,
        EngineCommand::Prune => or_interrupted(prune::run(engine, context), cancel).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// `s2i exit-codes`.
pub(crate) fn exit_codes() -> ExitCode {
    let lines = exit::TABLE
        .iter()
        .map(|(code, meaning)| format!("{:>3}  {meaning}\n", code.0));
    let text = "  0  success\n".to_owned() + &lines.collect::<String>();
    render::write_stdout(&Printable::lines(&text));
    ExitCode::SUCCESS
}
