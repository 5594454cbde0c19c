//! The target of a task: the API of an engine, or the embedded engine of `s2i`.

use std::{ffi::OsString, fmt, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};
use s2i_test_engines::paths;

use crate::dist::Profile;

/// The name of the embedded engine, for `--engine`.
pub(crate) const NATIVE: &str = "native";

/// The name of the embedded engine as an ordinary user, who is created for it.
pub(crate) const NATIVE_USER: &str = "native-user";

/// An engine that builds and stores images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Docker or Podman at this URL.
    Api(String),
    /// The embedded engine with this store; by default, with the user's own.
    Native(Option<PathBuf>),
    /// The embedded engine as this ordinary user, with this home directory and the store in it.
    NativeUser { user: String, home: PathBuf },
}

impl Target {
    /// Returns the embedded engine with a store that only tasks use.
    pub(crate) fn private() -> Self {
        Self::Native(Some(paths::made().join("store")))
    }

    /// Returns the options of `s2i` that select the target.
    pub(crate) fn options(&self) -> Vec<OsString> {
        match self {
            Self::Api(url) => vec!["--url".into(), url.into()],
            Self::Native(None) => vec!["--engine".into(), NATIVE.into()],
            Self::Native(Some(store)) => {
                vec![
                    "--engine".into(),
                    NATIVE.into(),
                    "--store".into(),
                    store.into(),
                ]
            }
            Self::NativeUser { .. } => Self::Native(self.store()).options(),
        }
    }

    /// Returns the command `s2i` of this build with these options.
    pub(crate) fn s2i(&self, profile: Profile) -> Result<Command> {
        let program = profile.program();
        if !program.is_file() {
            let program = program.display();
            bail!("{program} is not there; make it with: cargo xtask dist");
        }
        let mut command = match self {
            Self::NativeUser { user, home } => {
                // Other users may not be able to read the workspace.
                let own = home.join("s2i");
                fs::copy(&program, &own)
                    .with_context(|| format!("can't copy {} for {user}", program.display()))?;
                let program = own;
                let mut command = Command::new("setpriv");
                command.args(["--reuid", user, "--regid", user, "--init-groups"]);
                command.arg(program).env("HOME", home).current_dir(home);
                command
            }
            Self::Api(_) | Self::Native(_) => Command::new(program),
        };
        command.args(self.options());
        Ok(command)
    }

    /// Returns the store of the embedded engine, if tasks set it.
    pub(crate) fn store(&self) -> Option<PathBuf> {
        match self {
            Self::Api(_) => None,
            Self::Native(store) => store.clone(),
            Self::NativeUser { home, .. } => Some(home.join("store")),
        }
    }

    /// Returns the URL of the API, if there is one.
    pub(crate) fn url(&self) -> Option<&str> {
        match self {
            Self::Api(url) => Some(url),
            Self::Native(_) | Self::NativeUser { .. } => None,
        }
    }

    /// Removes the images that exist.
    pub(crate) fn remove_images(&self, names: &[&str]) -> Result<()> {
        for name in names {
            let mut command = self.s2i(Profile::Release)?;
            // A missing image is not an error, and an image in use causes an error later, if it matters.
            let _ = command.args(["rmi", name]).output();
        }
        Ok(())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(url) => f.write_str(url),
            Self::Native(None) => f.write_str("the embedded engine"),
            Self::Native(Some(store)) => {
                write!(f, "the embedded engine with the store {}", store.display())
            }
            Self::NativeUser { user, .. } => write!(f, "the embedded engine as the user {user}"),
        }
    }
}
