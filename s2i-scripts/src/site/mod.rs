//! The server for static sites, such as those that the build of a front end makes. `run` serves them itself, so that
//! an image needs nothing else.

mod answer;
mod request;
mod server;
mod validators;

use std::path::Path;

use crate::{Error, Host, launch, launch::init, variables};

/// Serves a directory on the port of the environment until a signal ends it.
pub(crate) fn serve(root: &Path, host: &mut Host<'_>) -> Result<(), Error> {
    let port = host.variable(variables::PORT)?;
    let port = port.unwrap_or(variables::DEFAULT_PORT).to_owned();
    let number = port
        .parse()
        .map_err(|_| Error::variable(variables::PORT, &port, "it is not a port number"))?;
    let listen_error = |source| launch::Error::Listen {
        port: port.clone(),
        source,
    };
    init::end_on_signals().map_err(init::catch_error)?;
    let listener = server::listen(number).map_err(listen_error)?;
    host.console.line(format_args!("listening on port {port}"));
    server::serve(&listener, root).map_err(listen_error)?;
    Ok(())
}
