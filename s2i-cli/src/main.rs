//! `s2i`: source code in, runnable container image out.
//!
//! Arguments are processed in two steps: [`args`] parses the command line, and [`request`] builds requests from
//! it. The [`choice`] of an engine is made once, before anything else starts. Progress is reported as events,
//! which [`render`] shows to people or machines, and every error ends as an [`error`], which has a hint and an
//! [exit code](exit).

mod agents;
mod args;
mod choice;
mod commands;
mod config;
mod credentials;
mod engine;
mod error;
mod exit;
mod host;
mod native;
mod reading;
mod render;
mod request;
mod secrets;
mod signals;

use std::process::ExitCode;

use args::{Args, Command};
use clap::{CommandFactory as _, Parser as _, error::ErrorKind};
use commands::Setting;
use error::Error;
use s2i_build::{CancelToken, Notice, context::or_interrupted};

/// The former name of the command, under which the Go tool still runs with a warning.
const OLD_NAME: &str = "sti";

fn main() -> ExitCode {
    if let Some(code) = s2i_native::reexec() {
        return code;
    }
    let args = match Args::try_parse() {
        Ok(args) => args,
        // As the Go tool does, s2i without arguments shows the help on standard output.
        Err(err) if err.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
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
    match begin(&args) {
        Ok(code) => code,
        Err(err) => {
            render::error(&err, args.is_json());
            err.exit_code().into()
        }
    }
}

/// Runs the command up to the start of the asynchronous runtime. No thread starts here, because only a process
/// with a single thread can enter a user namespace.
fn begin(args: &Args) -> Result<ExitCode, Error> {
    let mut host = host::Host::read();
    let config = config::Config::read(&host)?;
    host.engine.configured = config.url.clone().zip(config.file.clone());
    let setting = Setting {
        global: &args.global,
        config: &config,
        host: &host,
    };
    if host.program == OLD_NAME {
        setting.warn(
            OLD_NAME,
            "this name of the command is deprecated; use `s2i`",
        );
    }
    match &args.command {
        Command::ExitCodes => commands::exit_codes(),
        Command::Completion(args) => commands::completion(args),
        Command::Man(args) => commands::man(args, &setting)?,
        Command::Create(args) => commands::create(args, &setting)?,
        Command::Version { .. } => in_runtime(&setting, async |cancel| {
            or_interrupted(commands::version(&setting), cancel).await
        })?,
        Command::Login(args) => in_runtime(&setting, async |cancel| {
            commands::login(args, &setting, cancel).await
        })?,
        Command::Logout(args) => in_runtime(&setting, async |cancel| {
            or_interrupted(commands::logout(args, &setting), cancel).await
        })?,
        Command::Doctor => {
            let before = commands::doctor::Before::find(&setting);
            return in_runtime(&setting, async |cancel| {
                or_interrupted(commands::doctor::run(before, &setting), cancel).await
            });
        }
        Command::Build(build) if build.as_dockerfile.is_some() => {
            in_runtime(&setting, async |cancel| {
                commands::dockerfile(build, &setting, cancel).await
            })?;
        }
        command => {
            let choice = choice::choose(&args.global, &config, &host)?;
            if choice.is_fallback {
                setting.notice(Notice::EmbeddedEngine {
                    reason: choice.because,
                });
            }
            let engine = engine::AnyEngine::open(choice.chosen, &config, &host)?;
            return in_runtime(&setting, async |cancel| {
                commands::run(command, &engine, &setting, cancel).await
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the asynchronous part, which signals stop from here on.
fn in_runtime<T>(
    setting: &Setting<'_>,
    work: impl AsyncFnOnce(&CancelToken) -> Result<T, Error>,
) -> Result<T, Error> {
    let cancel = CancelToken::default();
    signals::watch(&cancel, setting.announcer()).map_err(Error::Runtime)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let done = runtime.block_on(work(&cancel));
    if cancel.reason().is_some() {
        // Threads that are still running remove their resources.
        cancel.resources().wait_until_empty();
    }
    // A name look-up that hangs must not delay the exit.
    runtime.shutdown_background();
    done
}
