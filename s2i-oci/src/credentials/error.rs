//! Errors of credentials.

use std::{io, path::PathBuf, process::ExitStatus, time::Duration};

use thiserror::Error;

/// The reason why a credential can't be read, stored or erased. Its texts never quote from files or answers, which may
/// hold secrets.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// A configuration file can't be read.
    #[error("can't read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A configuration file can't be written.
    #[error("can't write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A configuration file is not JSON of the expected form.
    #[error("`{}` is not a valid configuration: see its line {line}, column {column}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line of the mistake, from 1.
        line: usize,
        /// The column of the mistake, from 1.
        column: usize,
    },
    /// The entry of the registry is not the base64 of `user:password`.
    #[error("the entry `{key}` in `{}` does not hold a user and a password", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The key of the entry.
        key: String,
    },
    /// A configured credential helper has a name that is not a plain file name.
    #[error("`{0}` can't be the name of a credential helper")]
    HelperName(String),
    /// A configured credential helper is not installed.
    #[error("there is no credential helper `docker-credential-{0}`")]
    NoHelper(String),
    /// A credential helper can't be run.
    #[error("can't run `{}`", program.display())]
    RunHelper {
        /// The program.
        program: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A credential helper takes too long.
    #[error("`{}` did not end within {} seconds", program.display(), limit.as_secs_f32())]
    HelperTime {
        /// The program.
        program: PathBuf,
        /// The time that it may take.
        limit: Duration,
    },
    /// A credential helper failed.
    #[error("`{}` ended with {status}", program.display())]
    HelperFailed {
        /// The program.
        program: PathBuf,
        /// Its exit status.
        status: ExitStatus,
    },
    /// A credential helper did not follow the protocol.
    #[error("`{}` did not answer with credentials", program.display())]
    HelperAnswer {
        /// The program.
        program: PathBuf,
    },
}

impl CredentialError {
    /// Returns advice for the user, where there is any.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoHelper(_) | Self::HelperName(_) => Some(
                "install it, or remove it from `credsStore` and `credHelpers` of the configuration and log in again".into(),
            ),
            Self::HelperTime { program, .. }
            | Self::HelperFailed { program, .. }
            | Self::HelperAnswer { program } => Some(format!(
                "run `{} list`; it must work without s2i first",
                program.display()
            )),
            _ => None,
        }
    }
}
