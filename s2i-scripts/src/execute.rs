//! Performs what a [`Plan`] says.

use std::{fs, time::Instant};

use crate::{
    Error, Host, Plan,
    plan::{Invocation, Step},
    tree,
};

/// Performs every phase, telling what is done and how long it took.
///
/// # Errors
/// That of the first step that fails; those after it are not performed.
pub fn execute(plan: &Plan, host: &mut Host<'_>) -> Result<(), Error> {
    for phase in &plan.phases {
        let start = Instant::now();
        host.console.phase(&phase.title);
        for step in &phase.steps {
            if let Step::Run(invocation) = step {
                host.console.detail(invocation.words());
            }
            perform(step, host)?;
        }
        host.console.took(start.elapsed());
    }
    Ok(())
}

/// Performs one step, silently.
///
/// # Errors
/// What the file system or the command said.
pub fn perform(step: &Step, host: &Host<'_>) -> Result<(), Error> {
    match step {
        Step::MakeDirectory { path } => make_directory(path.as_str()),
        Step::Write { path, content } => {
            if let Some((directory, _)) = path.as_str().rsplit_once('/') {
                make_directory(directory)?;
            }
            fs::write(path.as_str(), content).map_err(Error::file("write", path))
        }
        Step::Move { from, to } => tree::move_tree(from.as_str().as_ref(), to.as_str().as_ref()),
        Step::Run(invocation) => run(invocation, host),
        Step::Seal { path, epoch } => tree::seal(path.as_str().as_ref(), *epoch),
        Step::Share { path } => tree::share(path.as_str().as_ref()),
    }
}

fn make_directory(path: &str) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(Error::file("make the directory", path))
}

fn run(invocation: &Invocation, host: &Host<'_>) -> Result<(), Error> {
    let status = host
        .call(invocation)
        .map_err(|source| start_error(invocation, source))?;
    if status.success() {
        Ok(())
    } else {
        Err(failed(invocation, status))
    }
}

/// The command could not be started.
pub(crate) fn start_error(invocation: &Invocation, source: std::io::Error) -> Error {
    Error::Start {
        program: invocation.program.clone(),
        source,
    }
}

/// The command ended, and not well.
pub(crate) fn failed(invocation: &Invocation, status: std::process::ExitStatus) -> Error {
    Error::Command {
        command: invocation.words(),
        status: status.to_string(),
    }
}
