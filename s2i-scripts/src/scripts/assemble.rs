//! `assemble`: turns the source into an application.

use std::{fs, os::unix::fs::DirBuilderExt as _, time::Instant};

use super::start;
use crate::{
    Error, Host, Places, Plan,
    assembly::{execute, tree},
    binary,
    detect::{self, Recipe},
    go, node,
};

/// Builds the application.
pub(super) fn assemble(host: &mut Host<'_>) -> Result<(), Error> {
    with_scratch(host, |places, host| {
        let start = Instant::now();
        host.console.phase("Looking at the source");
        let (plan, found) = plan(places, host)?;
        for reason in &plan.reasons {
            host.console.detail(reason);
        }
        for warning in &plan.warnings {
            host.console.note(format_args!("warning: {warning}"));
        }
        host.console.took(start.elapsed());
        execute::execute(&plan, host).map_err(|err| found.diagnose(err, places, host))?;
        host.console
            .phase(&format!("The application is {}", plan.application));
        start::report(host)
    })
}

/// Prints what would be done, as JSON, and does nothing.
pub(super) fn print_plan(host: &mut Host<'_>) -> Result<(), Error> {
    with_scratch(host, |places, host| {
        let (plan, _) = plan(places, host)?;
        let text = serde_json::to_string_pretty(&plan).expect("a plan has only texts and numbers");
        host.console.line(text);
        Ok(())
    })
}

/// The facts of the plan, for advice when it fails.
enum Found {
    Go(Box<(go::Facts, go::Request)>),
    Node(Box<node::Facts>),
    Binary,
}

impl Found {
    /// The error of a command with what else may help.
    fn diagnose(&self, err: Error, places: &Places, host: &mut Host<'_>) -> Error {
        let Error::Command {
            command,
            status,
            mut advice,
        } = err
        else {
            return err;
        };
        advice.extend(match self {
            Self::Go(found) => go::diagnose(&found.0, &found.1, places, host),
            Self::Node(facts) => node::diagnose(facts, places),
            Self::Binary => Vec::new(),
        });
        Error::Command {
            command,
            status,
            advice,
        }
    }
}

fn plan(places: &Places, host: &mut Host<'_>) -> Result<(Plan, Found), Error> {
    match detect::detect(places, host)? {
        Recipe::Go(layout) => {
            let request = go::Request::read(host)?;
            let facts = go::facts::gather(&layout, &request, places, host)?;
            let plan = go::plan(&facts, &request, places)?;
            Ok((plan, Found::Go(Box::new((facts, request)))))
        }
        Recipe::Node => {
            let request = node::Request::read(host)?;
            let facts = node::facts::gather(&request, places, host)?;
            let plan = node::plan(&facts, &request, places)?;
            Ok((plan, Found::Node(Box::new(facts))))
        }
        Recipe::Binary => {
            let request = binary::Request::read(host)?;
            let facts = binary::facts::gather(&request, places)?;
            let plan = binary::plan(&facts, &request, places)?;
            Ok((plan, Found::Binary))
        }
    }
}

/// Makes the scratch directory, does the work, and removes the directory again, come what may.
fn with_scratch(
    host: &mut Host<'_>,
    work: impl FnOnce(&Places, &mut Host<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let places = host.places()?;
    let path = places.scratch.as_str();
    // A build that was killed may have left its own.
    tree::remove(path.as_ref())?;
    fs::DirBuilder::new()
        .mode(0o700)
        .create(path)
        .map_err(Error::file("make the directory", path))?;
    let result = work(&places, host);
    let removed = tree::remove(path.as_ref());
    match (result, removed) {
        (Err(err), Err(cleanup)) => {
            host.console.note(cleanup.render("assemble"));
            Err(err)
        }
        (result, removed) => result.and(removed),
    }
}
