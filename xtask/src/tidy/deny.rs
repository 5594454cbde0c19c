//! Licences, banned crates and known vulnerabilities: `cargo deny`, if it is installed.

use std::process::Command;

use anyhow::Result;
use s2i_test_engines::{host, paths};

/// Runs `cargo deny` with the configuration in `deny.toml`.
pub(crate) fn run(advisories: bool) -> Result<()> {
    if host::find("cargo-deny").is_none() {
        eprintln!("skipped: cargo deny; install it with: cargo install --locked cargo-deny");
        return Ok(());
    }
    let mut command = Command::new("cargo-deny");
    command.args(["check", "--hide-inclusion-graph"]);
    command.args(["bans", "licenses", "sources"]);
    if advisories {
        command.arg("advisories");
    }
    host::run(command.current_dir(paths::root()))
}
