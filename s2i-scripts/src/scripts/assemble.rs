//! `assemble`: turns the source into an application.

use std::{fs, os::unix::fs::DirBuilderExt as _, time::Instant};

use super::start;
use crate::{
    Directories, Error, Host, Plan,
    assembly::{execute, tree},
    binary,
    detect::{self, Recipe},
    go, node, symptoms,
};

/// Builds the application.
pub(super) fn assemble(host: &mut Host<'_>) -> Result<(), Error> {
    with_scratch(host, |dirs, host| {
        let start = Instant::now();
        host.console.phase("Looking at the source");
        let (plan, facts) = plan(dirs, host).map_err(with_symptoms)?;
        for reason in &plan.reasons {
            host.console.detail(reason);
        }
        for warning in &plan.warnings {
            host.console.note(format_args!("warning: {warning}"));
        }
        host.console.elapsed(start.elapsed());
        execute::execute(&plan, host).map_err(|mut err| {
            if let Error::Command { advice, output, .. } = &mut err {
                let found = facts.diagnose(output, dirs, host);
                advice.extend(found);
            }
            err
        })?;
        host.console
            .phase(&format!("The application is {}", plan.application));
        start::report(host)
    })
}

/// Adds advice to the error of a command that was to find out a fact.
fn with_symptoms(mut err: Error) -> Error {
    if let Error::Command { advice, output, .. } = &mut err {
        advice.extend(symptoms::advice(output));
    }
    err
}

/// Prints the plan as JSON, without executing it.
pub(super) fn print_plan(host: &mut Host<'_>) -> Result<(), Error> {
    with_scratch(host, |dirs, host| {
        let (plan, _) = plan(dirs, host)?;
        let text = serde_json::to_string_pretty(&plan).expect("a plan has only texts and numbers");
        host.console.line(text);
        Ok(())
    })
}

/// The facts of the plan, for advice when it fails.
enum Facts {
    Go(Box<(go::Facts, go::Request)>),
    Node(Box<(node::Facts, node::Request)>),
    Binary,
}

impl Facts {
    /// Returns advice about a command that has failed.
    fn diagnose(&self, output: &str, dirs: &Directories, host: &mut Host<'_>) -> Vec<String> {
        match self {
            Self::Go(facts) => go::diagnose(&facts.0, &facts.1, output, dirs, host),
            Self::Node(facts) => node::diagnose(&facts.0, &facts.1, output, dirs),
            Self::Binary => Vec::new(),
        }
    }
}

fn plan(dirs: &Directories, host: &mut Host<'_>) -> Result<(Plan, Facts), Error> {
    match detect::detect(dirs, host)? {
        Recipe::Go(layout) => {
            let request = go::Request::read(host)?;
            let facts = go::facts::gather(&layout, &request, dirs, host)?;
            let plan = go::plan(&facts, &request, dirs)?;
            Ok((plan, Facts::Go(Box::new((facts, request)))))
        }
        Recipe::Node => {
            let request = node::Request::read(host)?;
            let facts = node::facts::gather(&request, dirs, host)?;
            let plan = node::plan(&facts, &request, dirs)?;
            Ok((plan, Facts::Node(Box::new((facts, request)))))
        }
        Recipe::Binary => {
            let request = binary::Request::read(host)?;
            let facts = binary::facts::gather(&request, dirs)?;
            let plan = binary::plan(&facts, &request, dirs)?;
            Ok((plan, Facts::Binary))
        }
    }
}

/// Makes the scratch directory, does the work, and removes the directory again, whatever the result.
fn with_scratch(
    host: &mut Host<'_>,
    work: impl FnOnce(&Directories, &mut Host<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let dirs = host.directories()?;
    let path = dirs.scratch.as_str();
    // A build that was killed may have left its own.
    tree::remove(path.as_ref())?;
    fs::DirBuilder::new()
        .mode(0o700)
        .create(path)
        .map_err(Error::file("make the directory", path))?;
    let result = work(&dirs, host);
    let removed = tree::remove(path.as_ref());
    if let (Err(_), Err(err)) = (&result, &removed) {
        host.console.note(err.render("assemble"));
    }
    result.and(removed)
}
