//! Functions that run programs of the host and report missing ones.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

/// Returns the path of `program` on `PATH`.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    find_all(program).next()
}

/// Returns all paths of `program` on `PATH`, in its order.
pub fn find_all(program: &str) -> impl Iterator<Item = PathBuf> + use<'_> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    dirs.into_iter()
        .map(move |dir| dir.join(program))
        .filter(|file| file.is_file())
}

/// Returns the path of `program`, or an error with the command that installs it.
///
/// # Errors
/// Fails if it is not on `PATH`.
pub fn require(program: &str, install: &str) -> Result<PathBuf> {
    find(program)
        .with_context(|| format!("`{program}` is not on this machine; install it with: {install}"))
}

/// Runs a command with its output on this terminal.
///
/// # Errors
/// Fails if the command can't be started or exits with a status other than 0.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status();
    let status = status.with_context(|| format!("can't start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// Runs a command and returns its standard output. An error has its standard error.
///
/// # Errors
/// Fails under the same conditions as [`run`].
pub fn captured(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output();
    let output = output.with_context(|| format!("can't start {command:?}"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{command:?} ended with {}: {}",
            output.status,
            errors.trim()
        );
    }
    Ok(output.stdout)
}

/// Runs a command and returns its standard output. Its standard error goes to this terminal.
///
/// # Errors
/// Fails under the same conditions as [`run`].
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.with_context(|| format!("can't start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
