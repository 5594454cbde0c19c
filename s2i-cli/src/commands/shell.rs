//! `s2i completion` and `s2i man`, which derive texts from the command line.

use std::{fs, process::ExitCode};

use clap::CommandFactory as _;
use s2i_core::Printable;
use serde_json::json;

use crate::{
    args::{Args, Completion, Man},
    context::CommandContext,
    error::Error,
    render,
};

/// Prints the completion script of a shell.
pub(crate) fn completion(args: &Completion) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "s2i", &mut script);
    render::write_stdout(&Printable::lines(&String::from_utf8_lossy(&script)));
    ExitCode::SUCCESS
}

/// Writes a manual page for s2i and for each command, and replaces those that exist.
///
/// # Errors
/// Fails if the directory or a page can't be written.
pub(crate) fn man(args: &Man, context: &CommandContext<'_>) -> Result<ExitCode, Error> {
    let path = context.host.working_dir.join(&args.directory);
    fs::create_dir_all(&path)
        .and_then(|()| clap_mangen::generate_to(Args::command(), &path))
        .map_err(|source| Error::WriteFile {
            path: path.clone(),
            source,
        })?;
    let object = json!({"event": "written", "directory": path});
    context.renderer().answer("", &object);
    Ok(ExitCode::SUCCESS)
}
