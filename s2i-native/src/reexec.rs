//! The program starting itself again, to be another process of the engine.
//!
//! Namespaces are left and entered by processes of one thread, and a program with threads can't fork
//! safely. So every helper is this very program, started anew under a name that nobody types.

use std::{
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
};

use crate::{errand, sandbox, userns};

/// The name that a helper is started under.
const NAME: &str = "s2i-stage";

/// What the helpers are started from: this very program, even when its file is gone.
pub(crate) const SELF: &str = "/proc/self/exe";

/// Does the work of a helper when this process is one, and says how to exit then.
///
/// It must be the first thing in `main` of every program that uses the engine, before any thread starts
/// and before arguments are read: without it a helper would run the program itself.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     if let Some(code) = s2i_native::reexec() {
///         return code;
///     }
///     // … the program …
///     ExitCode::SUCCESS
/// }
/// ```
#[must_use]
pub fn reexec() -> Option<ExitCode> {
    let mut args = std::env::args_os();
    if args.next()? != NAME {
        return None;
    }
    let stage = args.next().unwrap_or_default();
    let args: Vec<OsString> = args.collect();
    Some(match stage.to_str() {
        Some(sandbox::OUTER) => sandbox::outer(&args),
        Some(sandbox::INNER) => sandbox::inner(&args),
        Some(userns::MAPPER) => userns::mapper(&args),
        Some(userns::ONESELF) => userns::become_oneself(&args),
        Some(errand::STAGE) => errand::run_errand(&args),
        Some(userns::TRIAL) => userns::trial(&args),
        _ => ExitCode::FAILURE,
    })
}

/// A command that starts this program, or its copy in `program`, as a helper. It gets no environment: a stage
/// lives as long as its container, and `/proc` would show what the user's environment has, such as tokens.
pub(crate) fn command(program: impl AsRef<OsStr>, stage: &str) -> Command {
    let mut command = command_with_environment(program, stage);
    command.env_clear();
    command
}

/// The same for a helper that starts programs of the user, with the environment of this process.
pub(crate) fn command_with_environment(program: impl AsRef<OsStr>, stage: &str) -> Command {
    let mut command = Command::new(program);
    command.arg0(NAME).arg(stage);
    command
}
