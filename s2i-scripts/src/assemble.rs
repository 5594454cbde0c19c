//! `assemble`: turns the source into an application.

use std::{fs, os::unix::fs::DirBuilderExt as _, time::Instant};

use crate::{
    Error, Host, Places, Plan,
    detect::{self, Recipe},
    execute, go, tree,
};

/// Builds the application.
pub(crate) fn assemble(host: &mut Host<'_>) -> Result<(), Error> {
    with_scratch(host, |places, host| {
        let start = Instant::now();
        host.console.phase("Looking at the source");
        let plan = plan(places, host)?;
        for reason in &plan.reasons {
            host.console.detail(reason);
        }
        host.console.took(start.elapsed());
        execute::execute(&plan, host)?;
        host.console
            .phase(&format!("The application is {}", plan.application));
        Ok(())
    })
}

/// Prints what would be done, as JSON, and does nothing.
pub(crate) fn print_plan(host: &mut Host<'_>) -> Result<(), Error> {
    with_scratch(host, |places, host| {
        let plan = plan(places, host)?;
        let text = serde_json::to_string_pretty(&plan).expect("a plan has only texts and numbers");
        host.console.line(text);
        Ok(())
    })
}

fn plan(places: &Places, host: &Host<'_>) -> Result<Plan, Error> {
    match detect::detect(places)? {
        Recipe::Go(layout) => {
            let request = go::Request::read(host)?;
            let facts = go::facts::gather(&layout, &request, places, host)?;
            go::plan(&facts, &request, places)
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
