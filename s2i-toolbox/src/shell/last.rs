//! The last command of `-c` takes the place of the shell, as in other shells.
//!
//! Programs that start a command through a shell signal the process that they know. Were the command a
//! child of it, it would live on when the shell is ended.

use brush_core::{
    CommandArg, ExecutionResult,
    commands::{ShellForCommand, SimpleCommand, compose_std_command},
    results::ExecutionWaitResult,
    sys::commands::CommandExt,
};

use super::{
    Shell, background,
    builtins::{Context, Done},
};

/// The name of the builtin that stands before such a command.
pub(super) const NAME: &str = "s2i-last";

/// The builtin: becomes the command, or runs it in the ordinary way where that would lose something.
pub(super) fn execute(context: Context<'_>, mut args: Vec<CommandArg>) -> Done<'_> {
    Box::pin(async move {
        args.remove(0);
        let name = args.first().map(ToString::to_string).unwrap_or_default();
        if let Some(path) = program(context.shell, &name) {
            let words: Vec<_> = args[1..].iter().map(ToString::to_string).collect();
            let mut command = compose_std_command(&context, &path, &name, &words, false)?;
            // Where that fails, the ordinary way tells why.
            let _ = command.exec();
        }
        let shell = ShellForCommand::ParentShell(context.shell);
        let command = SimpleCommand::new(shell, context.params, name, args);
        match command.execute().await?.wait().await? {
            ExecutionWaitResult::Completed(result) => Ok(result),
            ExecutionWaitResult::Stopped(_) => Ok(ExecutionResult::stopped()),
        }
    })
}

/// Where the program is, if it is one and nothing of the shell is needed after it.
fn program(shell: &mut Shell, name: &str) -> Option<String> {
    let is_part_of_shell = shell.funcs().get(name).is_some() || shell.builtins().contains_key(name);
    let has_traps = shell.traps().iter_handlers().next().is_some();
    let has_jobs = background::is_any() || !shell.jobs().jobs.is_empty();
    if is_part_of_shell || has_traps || has_jobs || shell.is_subshell() {
        return None;
    }
    if name.contains('/') {
        return Some(name.to_owned());
    }
    let path = shell.find_first_executable_in_path(name)?;
    Some(path.to_string_lossy().into_owned())
}
