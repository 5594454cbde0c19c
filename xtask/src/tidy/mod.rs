//! `cargo xtask tidy`: rules that the compiler does not check, one file each.

mod arrows;
mod attacks;
mod closures;
mod deny;
mod heads;
mod locks;
mod manifests;
mod metadata;
mod prose;
mod sizes;
mod streams;
mod tracked;
mod workspace;

use anyhow::{Result, bail};

use self::workspace::Workspace;

/// Arguments of `cargo xtask tidy`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Check the database of security advisories too, which is downloaded.
    #[arg(long)]
    advisories: bool,
}

/// A rule: its name, and the function that returns one line for each violation.
type Rule = (&'static str, fn(&Workspace) -> Vec<String>);

/// The rules whose violations are errors.
const RULES: [Rule; 10] = [
    ("arrows", arrows::check),
    ("attacks", attacks::check),
    ("closures", closures::check),
    ("direct", closures::check_direct),
    ("heads", heads::check),
    ("locks", locks::check),
    ("manifests", manifests::check),
    ("prose", prose::check),
    ("streams", streams::check),
    ("tracked", tracked::check),
];

/// The rules whose violations are warnings.
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
