//! The execution of a [`Plan`].

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Instant,
};

use super::{Plan, Step, install_output, search, tree};
use crate::{
    Error, Host,
    node::{modules, reuse},
    symptoms::has_word,
};

/// Performs every phase, and shows the steps and the time that they took.
pub(crate) fn execute(plan: &Plan, host: &mut Host<'_>) -> Result<(), Error> {
    for phase in &plan.phases {
        let start = Instant::now();
        host.console.phase(&phase.title);
        for step in &phase.steps {
            if let Step::Run(invocation)
            | Step::RunOr {
                first: invocation, ..
            } = step
            {
                host.console.detail(invocation.command_line());
            }
            perform(step, host)?;
        }
        host.console.elapsed(start.elapsed());
    }
    Ok(())
}

/// Performs one step.
pub(crate) fn perform(step: &Step, host: &mut Host<'_>) -> Result<(), Error> {
    match step {
        Step::MakeDirectory { path } => tree::make_directory(path.as_str().as_ref()),
        Step::Write { path, content } => {
            tree::make_parent(path.as_str().as_ref())?;
            fs::write(path.as_str(), content).map_err(Error::file("write", path))
        }
        Step::Move { from, to } => tree::move_tree(from.as_str().as_ref(), to.as_str().as_ref()),
        Step::Keep { from, to, except } => {
            let (from, to) = (Path::new(from.as_str()), to.as_str().as_ref());
            if from.is_symlink() {
                // A link would dangle: its target does not move with it.
                let target = from.canonicalize();
                tree::copy(&target.map_err(Error::file("read", from.display()))?, to)?;
            } else {
                tree::move_tree(from, to)?;
            }
            tree::remove_ending(to, except)
        }
        Step::Use { from, to } => tree::make_usable(from.as_str().as_ref(), to.as_str().as_ref()),
        Step::Install { from, to } => tree::install(from.as_str().as_ref(), to.as_str().as_ref()),
        Step::Link { path, target } => {
            tree::make_parent(path.as_str().as_ref())?;
            tree::remove(path.as_str().as_ref())?;
            symlink(target, path.as_str()).map_err(Error::file("link", path))
        }
        Step::Run(invocation) => host.run(invocation),
        Step::RunOr {
            first,
            texts,
            warning,
            otherwise,
        } => match host.run(first) {
            Err(Error::Command { output, .. })
                if texts.iter().any(|text| has_word(&output, text)) =>
            {
                host.console.note(format_args!("warning: {warning}"));
                host.console.detail(otherwise.command_line());
                host.fell_back = true;
                host.run(otherwise)
            }
            result => result,
        },
        Step::InstallOutput(outputs) => install_output::install_output(outputs, host),
        Step::PruneModules { root, packages } => {
            let packages = packages.iter().map(|path| PathBuf::from(path.as_str()));
            modules::prune(root.as_str().as_ref(), &packages.collect::<Vec<_>>())
        }
        // These packages are not those of the lock file, which gives the cache its name.
        Step::SaveModules { .. } if host.fell_back => Ok(()),
        Step::SaveModules { from, to } => reuse::save(from.as_str().as_ref(), to.as_str().as_ref()),
        Step::RestoreModules { from, to } => {
            host.console
                .detail("the packages are those of the previous build: nothing that decides about them has changed");
            reuse::restore(from.as_str().as_ref(), to.as_str().as_ref())
        }
        Step::CheckLinks { root } => modules::check_links(root.as_str().as_ref()),
        Step::RemoveLinks { root } => modules::remove_dangling(root.as_str().as_ref()),
        Step::Remove { path } => tree::remove(path.as_str().as_ref()),
        Step::Purge { path, variables } => {
            let holders = holders(path.as_str().as_ref(), variables, host)?;
            holders.iter().try_for_each(|(file, _)| tree::remove(file))
        }
        Step::Search { path, variables } => {
            let holders = holders(path.as_str().as_ref(), variables, host)?;
            match holders.first() {
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

/// Returns the files that hold the values of these variables, each with one such variable.
fn holders<'a>(
    path: &Path,
    variables: &[String],
    host: &'a Host<'_>,
) -> Result<Vec<(PathBuf, &'a str)>, Error> {
    let secrets = host.console.secrets().iter();
    let secrets: Vec<_> = secrets
        .filter(|(variable, _)| variables.contains(variable))
        .collect();
    if secrets.is_empty() {
        return Ok(Vec::new());
    }
    search::search(path, &secrets)
}

fn trim(path: &Path, limit: u64, host: &mut Host<'_>) -> Result<(), Error> {
    let size = tree::size(path)?;
    if size <= limit {
        return Ok(());
    }
    host.console.detail(format_args!(
        "{} has {} MB, more than the limit: it is emptied, and the next build fills it again",
        path.display(),
        size / 1_000_000
    ));
    tree::remove(path)
}
