//! `s2i run`.

use std::process::ExitCode;

use s2i_build::{
    BuildContext, CancelToken,
    event::Progress,
    ports::{ImageResolver, Launch, Launcher},
};
use s2i_core::wire::Exit;

use crate::{args::Run, context::CommandContext, error::Error, render::Renderer, request};

/// The number that shells add to the signal that ended a program.
const SIGNALLED: i32 = 128;

pub(crate) async fn run<E: ImageResolver + Launcher>(
    engine: &E,
    args: &Run,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let CommandContext { global, host, .. } = context;
    let (name, words) = args.image()?;
    let file = args.environment_file.as_deref();
    let (env, diagnostics) = request::variables(&args.env, file, host, cancel).await?;
    let renderer = Renderer::passthrough(global, host);
    renderer.warnings(diagnostics);
    let progress = Progress::new(&renderer);
    let context = BuildContext::new(&progress, cancel);
    let image = engine.resolve(&name, args.pull_policy, context).await?;
    let launch = Launch {
        image: &image,
        args: words.to_vec(),
        env,
        user: request::not_empty(args.user.as_ref()),
        network: args.network.clone().unwrap_or_default(),
        limits: args.limits.limits(),
        ports: args.publish.iter().map(|port| port.0).collect(),
        read_only: args.read_only,
    };
    let exit = engine.launch(&launch, context).await?;
    renderer.ended(exit);
    Ok(status(exit))
}

/// Returns the exit code of s2i for that of an application.
pub(super) fn status(exit: Exit) -> ExitCode {
    match exit {
        Exit::Code(code) => code.into(),
        Exit::Signal(signal) => u8::try_from(SIGNALLED + signal).unwrap_or(u8::MAX).into(),
    }
}
