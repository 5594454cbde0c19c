//! The entry point of this program when it was started again, as a [stage].

use std::{ffi::OsString, process::ExitCode};

use crate::{
    sandbox, stage,
    stage::Stage,
    supervise,
    userns::{mapper, restore_ids, trial},
};

/// Runs the stage that this process was started for and returns its exit code; returns `None` in any other process.
///
/// Every program that uses the engine must call this at the beginning of `main`, before it starts threads or reads
/// arguments. Otherwise the program would run itself in place of a stage.
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
    let mut args = stage::args()?;
    let stage = args.next().and_then(|name| Stage::named(&name));
    let args: Vec<OsString> = args.collect();
    Some(match stage {
        Some(Stage::Monitor) => sandbox::monitor::run(&args),
        Some(Stage::Init) => sandbox::init::run(&args),
        Some(Stage::Supervise) => supervise::run(&args),
        Some(Stage::RestoreIds) => restore_ids::run(&args),
        Some(Stage::MapIds) => mapper::run(&args),
        Some(Stage::Trial) => trial::run(&args),
        None => ExitCode::FAILURE,
    })
}
