//! What a task works with: the API of an engine, or the embedded engine of `s2i`.

use std::{ffi::OsString, fmt, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};
use s2i_test_engines::paths;

/// The name of the embedded engine, for `--engine`.
pub(crate) const NATIVE: &str = "native";

/// The same as an ordinary user, who is made for it.
pub(crate) const NATIVE_USER: &str = "native-user";

/// Something that builds and keeps images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Docker or Podman at this URL.
    Api(String),
    /// The embedded engine, over this store; without one, over the user's own.
    Native(Option<PathBuf>),
    /// The embedded engine as this ordinary user, who has this home and the store in it.
    NativeUser { user: String, home: PathBuf },
}

impl Target {
    /// The embedded engine over a store that only tasks use.
    pub(crate) fn private() -> Self {
        Self::Native(Some(paths::made().join("store")))
    }

    /// The options of `s2i` that select it.
    pub(crate) fn options(&self) -> Vec<OsString> {
        match self {
            Self::Api(url) => vec!["--url".into(), url.into()],
            Self::Native(None) => vec!["--engine".into(), NATIVE.into()],
            Self::Native(Some(store)) => {
                let mut options = Self::Native(None).options();
                options.extend(["--store".into(), store.into()]);
                options
            }
            Self::NativeUser { .. } => Self::Native(self.store()).options(),
        }
    }

    /// `s2i` with these options.
    pub(crate) fn s2i(&self) -> Result<Command> {
        let program = paths::made().join("s2i");
        if !program.is_file() {
            let program = program.display();
            bail!("{program} is not there; make it with: cargo xtask dist");
        }
        let mut command = match self {
            Self::NativeUser { user, home } => {
                // The workspace may lie where nobody else can look.
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

    /// Where the embedded engine keeps images, if tasks say so.
    pub(crate) fn store(&self) -> Option<PathBuf> {
        match self {
            Self::Api(_) => None,
            Self::Native(store) => store.clone(),
            Self::NativeUser { home, .. } => Some(home.join("store")),
        }
    }

    /// The URL of the API, where there is one.
    pub(crate) fn url(&self) -> Option<&str> {
        match self {
            Self::Api(url) => Some(url),
            Self::Native(_) | Self::NativeUser { .. } => None,
        }
    }

    /// Removes images, whether they are there or not.
    pub(crate) fn remove_images(&self, names: &[&str]) -> Result<()> {
        for name in names {
            let mut command = self.s2i()?;
            // One that is not there is fine, and what is in use is told where it matters.
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
