//! The server for static sites, such as the build of a front end makes. `run` serves them itself, so that
//! an image needs nothing else.

mod answer;
mod request;
mod server;

use std::path::PathBuf;

use crate::{Error, Host, launch, variables};

/// A directory of files, and the port to serve them on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    root: PathBuf,
    port: String,
}

impl Site {
    /// Creates the site of a directory, on the port that the environment has.
    ///
    /// # Errors
    /// When the variable for the port is not text.
    pub(crate) fn new(root: PathBuf, host: &Host<'_>) -> Result<Self, Error> {
        let port = host.variable(variables::PORT)?;
        Ok(Self {
            root,
            port: port.unwrap_or(variables::DEFAULT_PORT).to_owned(),
        })
    }

    /// Serves until a signal ends it.
    ///
    /// # Errors
    /// When it can't begin.
    pub(crate) fn serve(&self, host: &mut Host<'_>) -> Result<(), Error> {
        let listen = |source| launch::Error::Listen {
            port: self.port.clone(),
            source,
        };
        let number = self.port.parse().map_err(|_| {
            Error::variable(variables::PORT, &self.port, "it is no number of a port")
        })?;
        launch::init::end_on_signals().map_err(|source| launch::Error::Supervise {
            action: "catch signals",
            source,
        })?;
        let listener = server::listen(number).map_err(listen)?;
        host.console
            .line(format_args!("listening on port {}", self.port));
        server::serve(&listener, &self.root).map_err(listen)?;
        Ok(())
    }
}
