//! `cargo xtask tidy`: what no compiler checks. One file a rule.

mod arrows;
mod attacks;
mod closures;
mod deny;
mod heads;
mod locks;
mod manifests;
mod metadata;
mod prose;
mod silenced;
mod sizes;
mod streams;
mod tracked;
mod workspace;

use anyhow::{Result, bail};

use self::workspace::Workspace;

/// Arguments of `cargo xtask tidy`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Ask the database of advisories too: it changes without us, and is fetched.
    #[arg(long)]
    advisories: bool,
}

/// A rule: its name, and what it finds, a line each.
type Rule = (&'static str, fn(&Workspace) -> Vec<String>);

/// What these find fails.
const RULES: [Rule; 11] = [
    ("arrows", arrows::check),
    ("attacks", attacks::check),
    ("closures", closures::check),
    ("direct", closures::check_direct),
    ("heads", heads::check),
    ("locks", locks::check),
    ("manifests", manifests::check),
    ("prose", prose::check),
    ("silenced", silenced::check),
    ("streams", streams::check),
    ("tracked", tracked::check),
];

/// What these find is told.
const WARNINGS: [Rule; 1] = [("sizes", sizes::check)];

pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::read()?;
    for (name, rule) in WARNINGS {
        for line in rule(&workspace) {
            eprintln!("warning: {name}: {line}");
        }
    }
    let mut found = 0;
    for (name, rule) in RULES {
        for line in rule(&workspace) {
            eprintln!("error: {name}: {line}");
            found += 1;
        }
    }
    deny::run(args.advisories)?;
    if found > 0 {
        bail!("tidy found {found} problems");
    }
    Ok(())
}
