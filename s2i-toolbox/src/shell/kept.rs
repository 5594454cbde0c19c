//! Parts of scripts that were parsed and changed, and are run by a number.
//!
//! brush runs a loop, a group or a function in a pipeline to its end before it starts the next command,
//! so that a pipe that is full stops everything. It runs builtins beside each other. So each part of a
//! pipeline becomes a builtin here that runs what stood there.

use std::sync::{Mutex, PoisonError};

use brush_core::{
    CommandArg, Error, ExecutionParameters, ExecutionResult,
    commands::{ShellForCommand, SimpleCommand},
    parser::ast::Program,
    results::ExecutionWaitResult,
};

use super::{
    Shell,
    builtins::{Context, Done},
};

/// The builtin that runs what was kept: `s2i-run NUMBER`.
pub(super) const RUN: &str = "s2i-run";

/// The builtin that is a part of a pipeline: `s2i-stage COMMAND ARGUMENT...`.
pub(super) const STAGE: &str = "s2i-stage";

static KEPT: Mutex<Vec<Program>> = Mutex::new(Vec::new());

/// Keeps a part of a script and returns its number.
pub(super) fn keep(program: Program) -> String {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.push(program);
    (kept.len() - 1).to_string()
}

/// The builtin that runs what was kept.
pub(super) fn run(context: Context<'_>, args: Vec<CommandArg>) -> Done<'_> {
    Box::pin(async move {
        let number = args.get(1).and_then(|arg| arg.to_string().parse().ok());
        let program = {
            let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
            number.and_then(|number: usize| kept.get(number).cloned())
        };
        match program {
            Some(program) => context.shell.run_program(program, &context.params).await,
            None => Ok(ExecutionResult::general_error()),
        }
    })
}

/// The builtin that is a part of a pipeline. In a shell of its own, `exit` is an exit from that alone.
pub(super) fn stage(context: Context<'_>, mut args: Vec<CommandArg>) -> Done<'_> {
    Box::pin(async move {
        args.remove(0);
        let Some(name) = args.first().map(ToString::to_string) else {
            return Ok(ExecutionResult::success());
        };
        let Context { shell, params, .. } = context;
        let mut stderr = params.stderr(shell);
        let ran = run_command(shell, params, name, args).await;
        let result = ran.unwrap_or_else(|err| {
            // The other parts go on.
            let _ = shell.display_error(&mut stderr, &err);
            err.into_result(shell)
        });
        if shell.is_subshell() {
            return Ok(ExecutionResult::from(result.exit_code));
        }
        Ok(result)
    })
}

async fn run_command(
    shell: &mut Shell,
    params: ExecutionParameters,
    name: String,
    args: Vec<CommandArg>,
) -> Result<ExecutionResult, Error> {
    let command = ShellForCommand::ParentShell(shell);
    let command = SimpleCommand::new(command, params, name, args);
    match command.execute().await?.wait().await? {
        ExecutionWaitResult::Completed(result) => Ok(result),
        ExecutionWaitResult::Stopped(_) => Ok(ExecutionResult::stopped()),
    }
}
