//! The option for the file with the logins of registries.

use std::path::{Path, PathBuf};

use clap::Args;

/// The file with the logins for pulls and pushes.
#[derive(Clone, Debug, Args)]
pub(crate) struct CredentialArgs {
    /// Read the logins for registries from this file of Docker's format only, instead of the files of Docker and
    /// Podman
    #[arg(long, value_name = "FILE")]
    dockercfg_path: Option<PathBuf>,
}

impl CredentialArgs {
    /// Returns the file, if one is named.
    pub(crate) fn file(&self) -> Option<&Path> {
        let file = self.dockercfg_path.as_deref();
        file.filter(|file| !file.as_os_str().is_empty())
    }
}
