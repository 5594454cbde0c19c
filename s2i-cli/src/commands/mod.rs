//! The commands, one file each.

mod build;
mod create;
mod deliver;
mod dockerfile;
pub(crate) mod doctor;
mod export;
mod images;
mod load;
mod login;
mod logout;
mod prune;
mod pull;
mod push;
mod rmi;
mod run;
mod shell;
mod tag;
mod usage;
mod version;

use std::process::ExitCode;

use s2i_build::{
    CancelToken, Engine, Notice,
    context::or_interrupted,
    event::{Event, EventSink as _},
    ports::{EngineProbe, ImageTransfer, Launcher},
};
use s2i_core::{Diagnostic, Printable};

use crate::{
    args::{Command, Global},
    config::Config,
    engine::AnyEngine,
    error::Error,
    exit,
    host::Host,
    render::{self, Announcer, Renderer},
};

pub(crate) use create::run as create;
pub(crate) use dockerfile::run as dockerfile;
pub(crate) use login::run as login;
pub(crate) use logout::run as logout;
pub(crate) use shell::{completion, man};
pub(crate) use version::run as version;

/// The context of every command.
pub(crate) struct Setting<'a> {
    pub(crate) global: &'a Global,
    pub(crate) config: &'a Config,
    pub(crate) host: &'a Host,
}

impl Setting<'_> {
    fn renderer(&self) -> Renderer {
        Renderer::new(self.global.progress, false, self.host)
    }

    /// Returns the announcer for signals.
    pub(crate) fn announcer(&self) -> Announcer {
        Announcer::new(self.renderer().is_json(), self.host.is_interactive)
    }

    fn tell(&self, event: Event) {
        self.renderer().event(event);
    }

    /// Shows a warning about `place`.
    pub(crate) fn warn(&self, place: impl Into<String>, message: &str) {
        self.tell(Event::Warning(Diagnostic::new(place, message)));
    }

    /// Shows a notice.
    pub(crate) fn notice(&self, notice: Notice) {
        self.tell(Event::Notice(notice));
    }
}

/// Runs a command with the chosen engine.
pub(crate) async fn run(
    command: &Command,
    engine: &AnyEngine,
    setting: &Setting<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let runs = matches!(
        command,
        Command::Build(_) | Command::Run(_) | Command::Usage(_)
    );
    if let (AnyEngine::Native(_, Some(lacking)), true) = (engine, runs) {
        setting.tell(Event::Warning(lacking.clone()));
    }
    let load = match command {
        Command::Build(args) => args.load.as_ref().map(|load| (args, load)),
        _ => None,
    };
    match (engine, load) {
        (AnyEngine::Native(engine, _), Some((args, load))) => {
            deliver::run(engine, args, load, setting, cancel).await?;
            Ok(ExitCode::SUCCESS)
        }
        (AnyEngine::Api(_), Some(_)) => Err(Error::LoadOfApi),
        (AnyEngine::Api(engine), None) => Box::pin(with(engine, command, setting, cancel)).await,
        (AnyEngine::Native(engine, _), None) => {
            Box::pin(with(engine, command, setting, cancel)).await
        }
    }
}

async fn with<E: Engine + EngineProbe + ImageTransfer + Launcher>(
    engine: &E,
    command: &Command,
    setting: &Setting<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    match command {
        Command::Build(args) => match args.dry_run {
            Some(form) => {
                Box::pin(build::dry_run(engine, args, form, setting, cancel)).await?;
            }
            None => drop(Box::pin(build::run(engine, args, setting, cancel)).await?),
        },
        Command::Run(args) => return run::run(engine, args, setting, cancel).await,
        Command::Usage(args) => usage::run(engine, args, setting, cancel).await?,
        Command::Images(args) => or_interrupted(images::run(engine, args, setting), cancel).await?,
        Command::Rmi(args) => return or_interrupted(rmi::run(engine, args, setting), cancel).await,
        Command::Tag(args) => or_interrupted(tag::run(engine, args, setting), cancel).await?,
        Command::Push(args) => push::run(engine, args, setting, cancel).await?,
        Command::Pull(args) => pull::run(engine, args, setting, cancel).await?,
        Command::Load(args) => load::run(engine, args, setting, cancel).await?,
        Command::Export(args) => export::run(engine, args, setting, cancel).await?,
        Command::Prune => or_interrupted(prune::run(engine, setting), cancel).await?,
        Command::Completion(_)
        | Command::Create(_)
        | Command::Doctor
        | Command::ExitCodes
        | Command::Login(_)
        | Command::Logout(_)
        | Command::Man(_)
        | Command::Version { .. } => {
            unreachable!("these need no engine")
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `s2i exit-codes`.
pub(crate) fn exit_codes() {
    render::data(&Printable::lines("  0  success\n"));
    for (code, meaning) in &exit::TABLE {
        render::data(&Printable::lines(&format!("{:>3}  {meaning}\n", code.0)));
    }
}
