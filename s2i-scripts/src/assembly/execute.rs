//! The execution of a [`Plan`].

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Instant,
};

use super::{
    Plan, Step, install_output,
    search::{self, Needle},
    tree,
};
use crate::{Error, Host, host::Invocation};

/// Performs every phase, and shows the steps and the time that they took.
///
/// # Errors
/// The error of the first step that fails; those after it are not performed.
pub fn execute(plan: &Plan, host: &mut Host<'_>) -> Result<(), Error> {
    for phase in &plan.phases {
        let start = Instant::now();
        host.console.phase(&phase.title);
        for step in &phase.steps {
            if let Step::Run(invocation) = step {
                host.console.detail(invocation.command_line());
            }
            perform(step, host)?;
        }
        host.console.took(start.elapsed());
    }
    Ok(())
}

/// Performs one step.
///
/// # Errors
/// Errors of the file system or of the command.
pub fn perform(step: &Step, host: &mut Host<'_>) -> Result<(), Error> {
    match step {
        Step::MakeDirectory { path } => make_directory(path.as_str()),
        Step::Write { path, content } => {
            make_parent(path.as_str())?;
            fs::write(path.as_str(), content).map_err(Error::file("write", path))
        }
        Step::Move { from, to } => tree::move_tree(from.as_str().as_ref(), to.as_str().as_ref()),
        Step::Use { from, to } => tree::make_usable(from.as_str().as_ref(), to.as_str().as_ref()),
        Step::Install { from, to } => tree::install(from.as_str().as_ref(), to.as_str().as_ref()),
        Step::Link { path, target } => {
            make_parent(path.as_str())?;
            tree::remove(path.as_str().as_ref())?;
            symlink(target, path.as_str()).map_err(Error::file("link", path))
        }
        Step::Run(invocation) => run(invocation, host),
        Step::InstallOutput {
            output,
            root,
            assets,
            procfile,
        } => install_output::install_output(output, root, assets, procfile.as_deref(), host),
        Step::Remove { path } => tree::remove(path.as_str().as_ref()),
        Step::Forget { path, variables } => {
            let found = holders(path.as_str().as_ref(), variables, host)?;
            found.iter().try_for_each(|(file, _)| tree::remove(file))
        }
        Step::Search { path, variables } => {
            match holders(path.as_str().as_ref(), variables, host)?.first() {
                None => Ok(()),
                Some((file, variable)) => Err(Error::SecretLeft {
                    path: file.display().to_string(),
                    variable: (*variable).to_owned(),
                }),
            }
        }
        Step::Trim { path, limit } => trim(path.as_str().as_ref(), *limit, host),
        Step::Seal { path, epoch } => tree::seal(path.as_str().as_ref(), *epoch),
        Step::Share { path } => tree::share(path.as_str().as_ref()),
    }
}

pub(super) fn make_directory(path: &str) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(Error::file("make the directory", path))
}

fn make_parent(path: &str) -> Result<(), Error> {
    path.rsplit_once('/')
        .map_or(Ok(()), |(directory, _)| make_directory(directory))
}

fn run(invocation: &Invocation, host: &mut Host<'_>) -> Result<(), Error> {
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
        command: invocation.command_line(),
        status: status.to_string(),
        advice: invocation.advice.clone(),
    }
}

/// The files that hold the values of these variables, and of which one.
fn holders<'a>(
    path: &Path,
    variables: &[String],
    host: &'a Host<'_>,
) -> Result<Vec<(PathBuf, &'a str)>, Error> {
    let secrets = host.console.secrets();
    let needles: Vec<_> = secrets
        .iter()
        .filter(|(variable, _)| variables.iter().any(|name| name == variable))
        .map(|(variable, value)| Needle {
            variable,
            value: value.as_bytes(),
        })
        .collect();
    if needles.is_empty() {
        return Ok(Vec::new());
    }
    search::search(path, &needles)
}

fn trim(path: &Path, limit: u64, host: &mut Host<'_>) -> Result<(), Error> {
    let size = tree::size(path)?;
    if size <= limit {
        return Ok(());
    }
    host.console.detail(format_args!(
        "{} has {} MB, more than it may: the next build fills it anew",
        path.display(),
        size / 1_000_000
    ));
    tree::remove(path)
}
