//! Builtins in which brush differs from other shells.

use std::{
    io::{self, ErrorKind, Write},
    path::PathBuf,
};

use brush_core::{CommandArg, ExecutionControlFlow, ExecutionExitCode, ExecutionResult};

use super::{
    Shell,
    builtins::{Context, Done, theirs},
    kept, rewrite,
};

/// The builtin `set`. What comes after `--` is never an option.
pub(super) fn set(context: Context<'_>, mut args: Vec<CommandArg>) -> Done<'_> {
    Box::pin(async move {
        let end = args.iter().position(|arg| arg.to_string() == "--");
        let Some(end) = end else {
            return theirs("set", context, args).await;
        };
        let words = args.split_off(end);
        let words = words[1..].iter().map(ToString::to_string).collect();
        *context.shell.current_shell_args_mut() = words;
        if args.len() == 1 {
            return Ok(ExecutionResult::success());
        }
        theirs("set", context, args).await
    })
}

/// The builtin `exec`. Nothing comes after it, whether it could start the command or not.
pub(super) fn exec(mut context: Context<'_>, args: Vec<CommandArg>) -> Done<'_> {
    Box::pin(async move {
        let Some(name) = args.get(1).map(ToString::to_string) else {
            return theirs("exec", context, args).await;
        };
        let mut stderr = context.params.stderr(context.shell);
        let done = theirs("exec", again(&mut context), args).await;
        let mut result = done.unwrap_or_else(|err| err.into_result(context.shell));
        if !result.is_success() && !context.shell.is_subshell() {
            writeln!(stderr, "exec: can't start `{name}`")?;
        }
        result.next_control_flow = ExecutionControlFlow::ExitShell;
        Ok(result)
    })
}

/// The builtins `echo` and `printf`. A shell that nobody reads from any more ends, like any program.
pub(super) fn print(context: Context<'_>, args: Vec<CommandArg>) -> Done<'_> {
    Box::pin(async move {
        let name = context.command_name.clone();
        let mut result = match theirs(&name, context, args).await {
            Err(err)
                if err
                    .as_io_error()
                    .is_some_and(|err| err.kind() == ErrorKind::BrokenPipe) =>
            {
                ExecutionExitCode::BrokenPipe.into()
            }
            done => done?,
        };
        if let ExecutionExitCode::BrokenPipe = result.exit_code {
            result.next_control_flow = ExecutionControlFlow::ExitShell;
        }
        Ok(result)
    })
}

/// The builtin `eval`.
pub(super) fn eval(context: Context<'_>, args: Vec<CommandArg>) -> Done<'_> {
    Box::pin(async move {
        let words: Vec<_> = args.iter().skip(1).map(ToString::to_string).collect();
        let words = words.strip_prefix(&["--".to_owned()][..]).unwrap_or(&words);
        let Ok(mut program) = context.shell.parse_string(words.join(" ")) else {
            // It tells what is wrong.
            return theirs("eval", context, args).await;
        };
        rewrite::rewrite(&mut program, &context.shell.parser_options(), false);
        let status = context.shell.last_exit_status();
        if program.complete_commands.is_empty() {
            return Ok(ExecutionResult::success());
        }
        context.shell.set_last_exit_status(status);
        context.shell.run_program(program, &context.params).await
    })
}

/// The builtins `.` and `source`: brush's own, with a file that has the script in it by its number.
pub(super) fn source(context: Context<'_>, mut args: Vec<CommandArg>) -> Done<'_> {
    Box::pin(async move {
        let name = context.command_name.clone();
        let kept = args.get(1).map(ToString::to_string);
        let kept = kept.and_then(|file| keep_file(context.shell, &file));
        let Some(number) = kept else {
            return theirs(&name, context, args).await;
        };
        let (reader, mut writer) = io::pipe()?;
        writeln!(writer, "{} {number}", kept::RUN)?;
        drop(writer);
        let place = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        args[1] = CommandArg::String(place);
        theirs(&name, context, args).await
    })
}

fn keep_file(shell: &Shell, file: &str) -> Option<String> {
    let path = if file.contains('/') {
        shell.absolute_path(file)
    } else {
        let path = shell.env_str("PATH")?;
        let mut places = std::env::split_paths(path.as_ref()).map(|dir| dir.join(file));
        places.find(|place: &PathBuf| place.is_file())?
    };
    let text = std::fs::read(path).ok()?;
    let mut program = shell
        .parse_string(String::from_utf8_lossy(&text).into_owned())
        .ok()?;
    rewrite::rewrite(&mut program, &shell.parser_options(), false);
    Some(kept::keep(program))
}

/// The same context once more.
pub(super) fn again<'c>(context: &'c mut Context<'_>) -> Context<'c> {
    Context {
        shell: &mut *context.shell,
        command_name: context.command_name.clone(),
        params: context.params.clone(),
    }
}
