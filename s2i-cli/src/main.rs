//! `s2i`: source code in, runnable container image out.
//!
//! Arguments are processed in two steps: [`args`] parses the command line, and [`request`] builds requests from
//! it. The [`choice`] of an engine is made once, before anything else starts. Progress is reported as events,
//! which [`render`] shows to people or machines, and every error ends as an [`error`], which has a hint and an
//! [exit code](exit).

mod agents;
mod args;
mod askpass;
mod builders;
mod choice;
mod commands;
mod config;
mod context;
mod credentials;
mod engine;
mod error;
mod exit;
mod files;
mod finding;
mod host;
mod native;
mod render;
mod request;
mod s2ifile;
mod secrets;
mod signals;
mod sources;

use std::{ffi::OsString, process::ExitCode};

use args::{Args, Command, EngineCommand, EngineName};
use choice::EngineKind;
use clap::CommandFactory as _;
use commands::PodBuild;
use config::Config;
use context::CommandContext;
use engine::AnyEngine;
use error::Error;
use host::Host;
use s2i_build::{CancelToken, Notice, context::or_interrupted};
use s2i_core::Diagnostic;

/// The former name of the command, under which the Go tool still runs with a warning.
const OLD_NAME: &str = "sti";

fn main() -> ExitCode {
    if let Some(code) = s2i_native::reexec() {
        return code;
    }
    if let Some(code) = askpass::answer() {
        return code;
    }
    let given = std::env::args_os().collect();
    let dir = std::env::current_dir().unwrap_or_default();
    let (words, findings) = s2ifile::restored(given, &dir);
    let mut args = match args::parse(words.iter().cloned()) {
        Ok(args) => args,
        // As the Go tool does, s2i without arguments shows the help on standard output.
        Err(_) if std::env::args_os().len() < 2 => {
            let _ = Args::command().print_help();
            return ExitCode::SUCCESS;
        }
        Err(err) => {
            let _ = err.print();
            return if err.use_stderr() {
                exit::USAGE.into()
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    render::trace(args.global.loglevel);
    run(&mut args, &words, findings).unwrap_or_else(|err| {
        render::error(&err, args.reason(&err), args.is_json());
        err.exit_code().into()
    })
}

/// Runs the command up to the start of the asynchronous runtime. No thread starts here, because only a process
/// with a single thread can enter a user namespace.
fn run(args: &mut Args, words: &[OsString], findings: Vec<Diagnostic>) -> Result<ExitCode, Error> {
    let mut host = Host::read();
    let config = Config::read(&host)?;
    if args.global.engine.or(config.engine) == Some(EngineName::Here) {
        args.command.name_result();
    }
    let args = &*args;
    host.engine.configured = config.url.clone().zip(config.file.clone());
    let file = args.command.credential_file();
    host.credential_file = file.map(|file| host.working_dir.join(file));
    let working_dir = host.working_dir.clone();
    args.global.tls.apply(&mut host.engine.tls, &working_dir);
    let context = CommandContext {
        global: &args.global,
        config: &config,
        host: &host,
    };
    if host.program == OLD_NAME {
        context.warn(
            OLD_NAME,
            "this name of the command is deprecated; use `s2i`",
        );
    }
    dispatch(&args.command, words, findings, &context)
}

/// Runs a command with its context.
fn dispatch(
    command: &Command,
    words: &[OsString],
    findings: Vec<Diagnostic>,
    context: &CommandContext<'_>,
) -> Result<ExitCode, Error> {
    match command {
        Command::WithEngine(command) => {
            context.renderer().warnings(findings);
            for_engine(command, words, context)
        }
        Command::Login(args) => in_runtime(context, async |cancel| {
            commands::login(args, context, cancel).await
        }),
        Command::Logout(args) => in_runtime(context, async |cancel| {
            or_interrupted(commands::logout(args, context), cancel).await
        }),
        Command::Doctor => {
            let probes = commands::doctor::Probes::new(context);
            in_runtime(context, async |cancel| {
                or_interrupted(commands::doctor::run(probes, context), cancel).await
            })
        }
        #[cfg(feature = "kube")]
        Command::Kube(args) => in_runtime(context, async |cancel| {
            commands::kube::run(args, context, cancel).await
        }),
        Command::ExitCodes => Ok(commands::exit_codes()),
        Command::Completion(args) => Ok(commands::completion(args)),
        Command::Man(args) => commands::man(args, context),
        Command::Generate(args) => in_runtime(context, async |cancel| {
            commands::generate(args, context, cancel).await
        }),
        #[cfg(feature = "kube")]
        Command::Cluster(command) => in_runtime(context, async |cancel| {
            Box::pin(commands::cluster(command, context, cancel)).await
        }),
        Command::Pod(step) => {
            let build = PodBuild::of(step)?;
            let context = CommandContext {
                global: &build.args().global,
                ..*context
            };
            in_runtime(&context, async |cancel| {
                commands::pod(step, &build, &context, cancel).await
            })
        }
        Command::Create(args) => commands::create(args, context),
        Command::Version { .. } => in_runtime(context, async |cancel| {
            or_interrupted(commands::version(context), cancel).await
        }),
    }
}

/// Runs a command that opens an engine, unless its options have another way.
fn for_engine(
    command: &EngineCommand,
    words: &[OsString],
    context: &CommandContext<'_>,
) -> Result<ExitCode, Error> {
    if let EngineCommand::Build(build) = command
        && build.config.use_config
    {
        let warnings = s2ifile::save(words, build, &context.host.working_dir)?;
        context.renderer().warnings(warnings);
    }
    if let EngineCommand::Build(build) = command
        && let Some(file) = &build.dockerfile.as_dockerfile
    {
        return in_runtime(context, async |cancel| {
            commands::dockerfile(build, file, context, cancel).await
        });
    }
    #[cfg(feature = "kube")]
    if let EngineCommand::Build(build) = command
        && let Some(place) = &build.cluster.on
    {
        return in_runtime(context, async |cancel| {
            let building = commands::build_on_cluster(build, place, words, context, cancel);
            Box::pin(building).await
        });
    }
    with_engine(command, context)
}

/// Runs a command with the engine that is chosen for it, or without one if it describes an image of a registry.
fn with_engine(command: &EngineCommand, context: &CommandContext<'_>) -> Result<ExitCode, Error> {
    let of_registry = |args| {
        in_runtime(context, async |cancel| {
            commands::inspect_registry(args, context, cancel).await
        })
    };
    if let EngineCommand::Inspect(args) = command
        && args.registry
    {
        return of_registry(args);
    }
    let choice = match (choice::choose(context, native::check), command) {
        // Without any engine, the image can only be in its registry.
        (Err(Error::NoEngine { .. }), EngineCommand::Inspect(args)) => return of_registry(args),
        (choice, _) => choice?,
    };
    if choice.is_fallback {
        let reason = choice.reason;
        context.notice(Notice::EmbeddedEngine { reason });
    }
    if choice.engine == EngineKind::Here {
        let EngineCommand::Build(args) = command else {
            return Err(Error::OnlyBuilds);
        };
        return in_runtime(context, async |cancel| {
            Box::pin(commands::build_here(args, context, cancel)).await
        });
    }
    let engine = AnyEngine::open(choice.engine, command.compression(), context)?;
    in_runtime(context, async |cancel| {
        commands::run(command, &engine, context, cancel).await
    })
}

/// Runs the asynchronous part, which signals stop from here on.
fn in_runtime(
    context: &CommandContext<'_>,
    work: impl AsyncFnOnce(&CancelToken) -> Result<ExitCode, Error>,
) -> Result<ExitCode, Error> {
    let cancel = CancelToken::default();
    signals::watch(&cancel, context.announcer()).map_err(Error::Runtime)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let done = runtime.block_on(work(&cancel));
    render::clear_bars();
    if cancel.reason().is_some() {
        // Threads that are still running remove their resources.
        cancel.resources().wait_until_empty();
    }
    // A name look-up that hangs must not delay the exit.
    runtime.shutdown_background();
    done
}
