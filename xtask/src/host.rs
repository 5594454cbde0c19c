//! Running programs of the host, and naming those that are missing.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

/// Where `program` is on `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// Fails with the line that installs `program` when it is not there.
pub(crate) fn require(program: &str, install: &str) -> Result<PathBuf> {
    find(program)
        .with_context(|| format!("`{program}` is not on this machine; install it with: {install}"))
}

/// Runs a command, its output on this terminal, and fails when it does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("can't start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// Runs a command and returns its standard output; its errors go to this terminal.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.with_context(|| format!("can't start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
