//! `run`: starts the application.

use std::ffi::OsString;

use crate::{
    Error, Host,
    exit::OK,
    launch::{self, Launch, init},
};

/// Becomes the application, so that signals and exit status are its own, or stays its parent and
/// returns its code. Returns only then, or when that fails.
pub(super) fn run(args: &[OsString], host: &mut Host<'_>) -> Result<u8, Error> {
    let launch = launch::find(args, host)?;
    match &launch {
        Launch::Become(task) => {
            let source = host.become_program(task);
            let path = task.program.display().to_string();
            Err(launch::Error::Execute { path, source }.into())
        }
        Launch::Supervise(tasks) => {
            host.console.note(format_args!("---> Starting {launch}"));
            Ok(init::supervise(tasks, host)?)
        }
        Launch::Serve(site) => site.serve(host).map(|()| OK),
    }
}
