//! Static sites: what a front end's build makes is served by `run` itself, so that the image needs
//! nothing else.

mod answer;
mod request;
mod server;

use std::path::{Path, PathBuf};

use s2i_core::detect::INDEX;

use crate::{Error, Host, launch, variables};

/// A site that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    root: PathBuf,
    port: String,
}

impl Site {
    /// The site in a directory, if there is one.
    pub(crate) fn find(directory: &Path, host: &Host<'_>) -> Result<Option<Self>, Error> {
        if !directory.join(INDEX).is_file() {
            return Ok(None);
        }
        let port = host.variable(variables::PORT)?;
        Ok(Some(Self {
            root: directory.to_owned(),
            port: port.unwrap_or(variables::DEFAULT_PORT).to_owned(),
        }))
    }

    /// The directory whose files are served.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
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
