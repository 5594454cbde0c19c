//! Builds of Go programs, with their progress.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

/// Runs a command of `go` that lists each package that it compiles (`-v`), and prints the progress.
pub(crate) fn run(command: &mut Command, program: &str) -> Result<()> {
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .context("can't start `go`")?;
    if let Some(stderr) = child.stderr.take() {
        report(BufReader::new(stderr));
    }
    let status = child.wait().context("can't wait for `go`")?;
    ensure!(status.success(), "building {program} ended with {status}");
    Ok(())
}

/// Prints the number of packages that the compiler lists, one per line, and all other lines.
fn report(lines: impl BufRead) {
    let mut packages = 0;
    for line in lines.lines().map_while(Result::ok) {
        if line.contains(' ') {
            if !line.starts_with("go: downloading") {
                eprintln!("{line}");
            }
            continue;
        }
        packages += 1;
        if packages % 100 == 0 {
            eprintln!("  {packages} packages compiled");
        }
    }
}
