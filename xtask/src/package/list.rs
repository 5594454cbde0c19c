//! The members of the workspace that are published.

use std::process::Command;

use anyhow::{Context, Result};
use s2i_test_engines::{host, paths};
use serde::Deserialize;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    /// The registries that it may be published to; `None` for all.
    publish: Option<Vec<String>>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
}

impl Package {
    /// Returns the name of the archive and its directory, as Cargo forms it.
    pub(super) fn file_name(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// Returns whether the package depends on another one.
    pub(super) fn needs(&self, other: &Self) -> bool {
        self.dependencies.iter().any(|dep| dep.name == other.name)
    }
}

/// Returns the members that are published.
pub(super) fn published() -> Result<Vec<Package>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--no-deps"]);
    let json = host::output(command.current_dir(paths::root()))?;
    let metadata: Metadata =
        serde_json::from_str(&json).context("can't read the output of `cargo metadata`")?;
    let mut packages = metadata.packages;
    packages.retain(|package| {
        package
            .publish
            .as_ref()
            .is_none_or(|names| !names.is_empty())
    });
    Ok(packages)
}
