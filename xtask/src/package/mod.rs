//! `cargo xtask package`: packages the crates as for crates.io, and builds and runs the examples with the packages.
//!
//! The packages are unpacked below `target/s2i/package`, which is a workspace of its own with copies of the examples.
//! Cargo takes the crates of this project from there, and shares the compiled dependencies with the checkout.

mod agents;
mod build;
mod list;
mod registry;
mod run;

use std::{path::PathBuf, time::Instant};

use anyhow::{Context, Result};
use s2i_test_engines::paths;

use self::{build::Packages, run::Examples};
use crate::{
    dist::{self, Arch},
    setup::{check_programs, step},
};

/// Arguments of `package`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Package the agents for these processors, all of which a published version needs; by default, the one for this
    /// machine
    #[arg(long, value_enum)]
    arch: Vec<Arch>,
    /// Don't run the example for Docker, even if a daemon responds
    #[arg(long)]
    no_docker: bool,
}

/// `cargo xtask package`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let start = Instant::now();
    check_programs()?;
    let host = Arch::host()?;
    let arches = if args.arch.is_empty() {
        vec![host]
    } else {
        args.arch.clone()
    };
    step(start, "building the agents and the scripts of a test image");
    let mut programs = Vec::new();
    for arch in arches {
        programs.push((arch, dist::agent(arch)?));
    }
    dist::test_script(host)?;
    step(start, "packaging the crates");
    agents::stage(&programs)?;
    let packages = Packages::make()?;
    packages.list();
    step(
        start,
        "building the examples and the programs from the packages",
    );
    let dir = dir()?;
    packages.unpack(&dir)?;
    build::build(&packages, &dir)?;
    step(start, "running the examples");
    let examples = Examples::new(args.no_docker)?;
    let left_out = examples.run()?;
    step(start, "done");
    for line in left_out {
        println!("not run: {line}");
    }
    Ok(())
}

/// Returns the empty directory for packages and examples. Its path is always the same, so that the next run replaces
/// what was compiled in it.
fn dir() -> Result<PathBuf> {
    let dir = paths::made().join("package");
    if dir.exists() {
        std::fs::remove_dir_all(&dir).with_context(|| format!("can't remove {}", dir.display()))?;
    }
    std::fs::create_dir_all(&dir).with_context(|| format!("can't make {}", dir.display()))?;
    Ok(dir)
}
