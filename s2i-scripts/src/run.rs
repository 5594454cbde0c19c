//! `run`: becomes the application.

use std::{ffi::OsString, path::Path};

use crate::{Error, Host, application, variables};

/// Executes the application in place of this process, so that signals and exit status are its own.
/// Returns only when that fails.
pub(crate) fn run(args: &[OsString], host: &mut Host<'_>) -> Result<(), Error> {
    let bin = host.places()?.bin();
    let name = application::choose(&bin, host.variable(variables::APP)?)?;
    let program = Path::new(bin.as_str()).join(name);
    let port = [(variables::PORT, variables::DEFAULT_PORT)];
    let extra = if host.variable(variables::PORT)?.is_some() {
        &[][..]
    } else {
        &port[..]
    };
    let source = host.become_program(&program, args, extra);
    Err(Error::Execute {
        path: program.display().to_string(),
        source,
    })
}
