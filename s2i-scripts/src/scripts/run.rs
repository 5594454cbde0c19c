//! `run`: starts the application.

use std::ffi::OsString;

use super::start;
use crate::{
    Error, Host, exit,
    launch::{self, Launch, init},
    site,
};

/// Becomes the application, so that signals and exit status are its own, or stays its parent and returns
/// its exit code.
pub(super) fn run(args: &[OsString], host: &mut Host<'_>) -> Result<u8, Error> {
    let launch = start::find(args, host)?;
    match &launch {
        Launch::Exec(command) => {
            let source = host.exec(command);
            let path = command.program.display().to_string();
            Err(launch::Error::Execute { path, source }.into())
        }
        Launch::Supervise(commands) => {
            host.console.note(format_args!("---> Starting {launch}"));
            Ok(init::supervise(commands, host)?)
        }
        Launch::Serve(root) => {
            site::serve(root, host)?;
            Ok(exit::OK)
        }
    }
}
