//! The shell: brush, started in the way of `sh` and `bash`.

mod background;
mod builtins;
mod errors;
mod input;
mod invocation;
mod jobs;
mod kept;
mod last;
mod rewrite;
mod signals;
mod special;

use std::{collections::HashMap, ffi::OsString, fs::File};

use brush_core::{
    ExecutionControlFlow, ProfileLoadBehavior, RcLoadBehavior, ShellVariable, SourceInfo,
    extensions::ShellExtensionsImpl, openfiles::OpenFile,
};

use rustix::stdio;

use self::invocation::{Invocation, Source};
use crate::NOT_FOUND;

/// The one kind of shell here.
type Shell = brush_core::Shell<Extensions>;

/// What is ours in it.
type Extensions = ShellExtensionsImpl<errors::Formatter>;

/// What shells say of a wrong call.
const WRONG_USAGE: u8 = 2;

/// Which shell it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// `sh`.
    Posix,
    /// `bash`.
    Bash,
}

/// Runs the shell; the first of `args` is its name.
pub(crate) fn run(flavour: Flavour, args: &[OsString]) -> u8 {
    let args = args.iter().map(|arg| arg.to_string_lossy().into_owned());
    let invocation = match Invocation::parse(args) {
        Ok(invocation) => invocation,
        Err(problem) => return errors::tell("sh", &problem, WRONG_USAGE),
    };
    // Commands in a pipeline block a thread each; one more has to wait for their processes.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(run_in(flavour, invocation)),
        Err(err) => errors::tell("sh", &format!("can't start: {err}"), WRONG_USAGE),
    }
}

async fn run_in(flavour: Flavour, invocation: Invocation) -> u8 {
    signals::watch_interrupts(invocation.is_interactive);
    let mut shell = match build(flavour, &invocation).await {
        Ok(shell) => shell,
        Err(err) => return errors::tell("sh", &err.to_string(), WRONG_USAGE),
    };
    if let Some(options) = invocation.set_command()
        && !succeeds(&mut shell, &options).await
    {
        return WRONG_USAGE;
    }
    match invocation.source {
        Source::Command(text) => {
            shell.start_command_string_mode();
            run_text(&mut shell, text, !invocation.is_traced).await;
            // It fails only for a shell that was not started like this.
            let _ = shell.end_command_string_mode();
            let _ = shell.on_exit().await;
        }
        Source::File(path) => {
            let text = match std::fs::read(&path) {
                Ok(text) => String::from_utf8_lossy(&text).into_owned(),
                Err(err) => {
                    let problem = format!("can't read `{path}`: {err}");
                    return errors::tell("sh", &problem, NOT_FOUND);
                }
            };
            run_text(&mut shell, text, false).await;
            let _ = shell.on_exit().await;
        }
        Source::Input => input::run(&mut shell, invocation.is_interactive).await,
    }
    signals::handle_rest(&mut shell).await;
    shell.last_exit_status()
}

async fn build(flavour: Flavour, invocation: &Invocation) -> Result<Shell, brush_core::Error> {
    let is_posix = flavour == Flavour::Posix;
    let is_command = matches!(invocation.source, Source::Command(_));
    let is_input = invocation.source == Source::Input;
    let mut builder =
        brush_core::Shell::builder_with_extensions::<Extensions>().builtins(builtins::all());
    for (name, value) in std::env::vars_os() {
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        if name != "OLDPWD" {
            let mut variable = ShellVariable::new(value.into_owned());
            variable.export();
            builder = builder.var(name, variable);
        }
    }
    builder
        .fds(standard_streams())
        .do_not_inherit_env(true)
        .profile(ProfileLoadBehavior::Skip)
        .rc(RcLoadBehavior::Skip)
        .posix(is_posix)
        .sh_mode(is_posix)
        .interactive(invocation.is_interactive)
        .no_editing(true)
        .command_string_mode(is_command)
        .read_commands_from_stdin(is_input)
        .shell_name(invocation.name.clone())
        .shell_args(invocation.args.clone())
        .build()
        .await
}

/// Runs a script, or a part of one. Says whether it wants to go on; its status is the shell's last.
async fn run_text(shell: &mut Shell, text: String, is_command: bool) -> bool {
    let params = shell.default_exec_params();
    let ran = if let Ok(mut program) = shell.parse_string(text.as_str()) {
        rewrite::rewrite(&mut program, &shell.parser_options(), is_command);
        shell.run_program(program, &params).await
    } else {
        // It tells what is wrong.
        let source = SourceInfo::default();
        shell.run_string(text, &source, &params).await
    };
    let result = ran.unwrap_or_else(|err| err.into_result(shell));
    shell.set_last_exit_status(result.exit_code.into());
    !matches!(result.next_control_flow, ExecutionControlFlow::ExitShell)
}

/// The standard streams without buffers: what is read ahead is lost for the programs that the shell
/// starts, and what is held back comes after what they write.
fn standard_streams() -> HashMap<i32, OpenFile> {
    let streams = [stdio::stdin(), stdio::stdout(), stdio::stderr()];
    let streams = (0..).zip(streams).filter_map(|(number, stream)| {
        let copy = stream.try_clone_to_owned().ok()?;
        Some((number, OpenFile::from(File::from(copy))))
    });
    streams.collect()
}

/// Runs commands of ours.
async fn succeeds(shell: &mut Shell, commands: &str) -> bool {
    let params = shell.default_exec_params();
    let source = SourceInfo::default();
    let done = shell.run_string(commands, &source, &params).await;
    done.is_ok_and(|result| {
        result.is_success() && matches!(result.next_control_flow, ExecutionControlFlow::Normal)
    })
}
