//! `assemble-runtime`: makes sure that a runtime image can run what it was given.

use crate::{Error, Host, application, execute, plan::Step};

/// Checks that there is an application and gives every program its final mode and time.
pub(crate) fn assemble_runtime(host: &mut Host<'_>) -> Result<(), Error> {
    let bin = host.places()?.bin();
    let epoch = host.epoch()?;
    host.console.phase("Checking the application");
    for name in application::list(&bin)? {
        let path = bin
            .join(&name)
            .map_err(|err| Error::variable("the name of a program", &name, &err.to_string()))?;
        host.console.detail(format_args!("found {path}"));
        execute::perform(&Step::Seal { path, epoch }, host)?;
    }
    Ok(())
}
