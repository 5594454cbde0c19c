//! The check that the lock file of the crate outside of the workspace fits its manifest and the workspace.

use std::process::Command;

use s2i_test_engines::paths;

use super::workspace::Workspace;

/// The directory of that crate.
const FUZZ: &str = "fuzz";

pub(crate) fn check(_: &Workspace) -> Vec<String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(paths::root().join(FUZZ));
    cargo.args(["metadata", "--locked", "--format-version", "1"]);
    let output = match cargo.output() {
        Ok(output) => output,
        Err(err) => return vec![format!("{cargo:?} can't be started: {err}")],
    };
    if output.status.success() {
        return Vec::new();
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let first = errors.lines().next().unwrap_or_default();
    vec![format!(
        "{FUZZ}/Cargo.lock: {first}; `cargo metadata` there writes it again"
    )]
}
