//! `s2i run`.

use std::process::ExitCode;

use s2i_build::{
    BuildContext, CancelToken,
    event::{Event, EventSink as _, Progress},
    ports::{ImageResolver, Launch, Launcher},
};
use s2i_core::wire::Exit;

use super::Setting;
use crate::{args::Run, error::Error, render::Renderer, request};

/// The number that shells add to the signal that ended a program.
const SIGNALLED: i32 = 128;

pub(crate) async fn run<E: ImageResolver + Launcher>(
    engine: &E,
    args: &Run,
    setting: &Setting<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let Setting { global, host, .. } = setting;
    let (name, words) = args.image()?;
    let file = args.environment_file.as_deref();
    let (env, diagnostics) = request::variables(&args.env, file, host, cancel).await?;
    let renderer = Renderer::through(global.progress, host);
    for problem in diagnostics {
        renderer.event(Event::Warning(problem));
    }
    let progress = Progress::new(&renderer);
    let context = BuildContext::new(&progress, cancel);
    let resolving = engine.resolve(&name, args.pull_policy, context);
    let image = resolving.await?;
    let launch = Launch {
        image: &image,
        args: words.to_vec(),
        env,
        user: args.user.clone().filter(|user| !user.is_empty()),
        network: args.network.clone().unwrap_or_default(),
        limits: args.limited.limits(),
        ports: args.publish.iter().map(|port| port.0).collect(),
        read_only: args.read_only,
    };
    let exit = engine.launch(&launch, context).await?;
    renderer.ended(exit);
    Ok(code(exit))
}

/// Returns the exit status of the application, as shells report it.
fn code(exit: Exit) -> ExitCode {
    match exit {
        Exit::Code(code) => code.into(),
        Exit::Signal(signal) => u8::try_from(SIGNALLED + signal).unwrap_or(u8::MAX).into(),
    }
}
