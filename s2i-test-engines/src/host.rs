//! Running programs of the host, and naming those that are missing.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

/// Where `program` is on `PATH`.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    find_all(program).next()
}

/// Everywhere that `program` is on `PATH`, in its order.
pub fn find_all(program: &str) -> impl Iterator<Item = PathBuf> + use<'_> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    dirs.into_iter()
        .map(move |dir| dir.join(program))
        .filter(|file| file.is_file())
}

/// Fails with the line that installs `program` when it is not there.
///
/// # Errors
/// When it is not on `PATH`.
pub fn require(program: &str, install: &str) -> Result<PathBuf> {
    find(program)
        .with_context(|| format!("`{program}` is not on this machine; install it with: {install}"))
}

/// Runs a command, its output on this terminal, and fails when it does.
///
/// # Errors
/// When it can't be started, or ends with another status than 0.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("can't start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// Runs a command and returns its standard output; its errors go to this terminal.
///
/// # Errors
/// The same as of [`run`].
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.with_context(|| format!("can't start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
