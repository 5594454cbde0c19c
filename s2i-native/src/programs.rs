//! Programs of the host that the engine starts.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use rustix::fs::{Access, access};

use crate::stage::report;

/// The exit code of shells for a program that can't be started.
const CANNOT_START: u8 = 126;

/// Returns the path of the program, from `PATH` and the usual directories: some systems keep `newuidmap` out of a
/// user's `PATH`. Relative directories are skipped, because they depend on the working directory.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/bin", "/usr/sbin", "/bin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(usual)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    file.is_file() && access(file, Access::EXEC_OK).is_ok()
}

/// Reports a program that can't be started, and returns the exit code that shells have for it.
pub(crate) fn cannot_start(program: Option<&OsString>, err: &io::Error) -> ExitCode {
    let program = program.map(OsString::as_os_str).unwrap_or_default();
    report::line(&format_args!("can't start {}: {err}", program.display()));
    ExitCode::from(CANNOT_START)
}
