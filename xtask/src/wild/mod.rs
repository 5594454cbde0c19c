//! `cargo xtask wild`: builds with the scripts of known builder images, as their authors wrote them.
//!
//! The scripts are cloned, and Debian stands in for the distribution of the images: `definition` has what the images are
//! made from, `compose` makes them, and `scenario` builds with them.

mod compose;
mod definition;
mod scenario;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use s2i_test_engines::{host, paths};

use self::{
    compose::Composer,
    definition::{Definition, Definitions},
    scenario::{Builds, Scenario},
};
use crate::{
    dist::{self, Arch, Profile},
    engine::{Choice, Otherwise, Target},
};

/// The lines of a log that a failed build shows.
const TAIL: usize = 20;

/// Arguments of `cargo xtask wild`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Images to build with; by default, all.
    names: Vec<String>,
    /// Take the clones in this directory, `DIR/REPOSITORY`, instead of cloning.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Build on this engine: `native`, a kind of `cargo xtask engine`, or a URL; by default, on one that responds,
    /// otherwise on one of Docker.
    #[arg(long)]
    engine: Option<String>,
    /// Use this `s2i` instead of that of the workspace.
    #[arg(long, value_name = "FILE")]
    s2i: Option<PathBuf>,
}

/// A row of the table.
struct Row {
    image: String,
    scenario: &'static str,
    result: Result<Duration>,
    /// True if a line of a script stops such a build.
    stops: bool,
}

/// `cargo xtask wild`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let definitions = Definitions::read()?;
    for name in &args.names {
        let known = definitions.images.keys();
        ensure!(
            definitions.images.contains_key(name),
            "there is no image `{name}`, only {known:?}"
        );
    }
    host::require("git", "apt-get install git")?;
    let made = paths::made().join("wild");
    fs::create_dir_all(&made)?;
    let sources = sources(&definitions, args.from.as_deref(), &made)?;
    let composer = Composer::new(&made, &sources)?;
    let s2i = match &args.s2i {
        Some(program) => program.canonicalize().context("can't find this `s2i`")?,
        None => dist::s2i(Arch::host()?, Profile::Release)?,
    };
    let engine = Choice::make(args.engine.as_deref(), Otherwise::Docker)?;
    if let Target::NativeUser { .. } = engine.target {
        bail!("these builds need the embedded engine as root");
    }
    let mut rows = Vec::new();
    let mut stops = String::new();
    let chosen = |name: &String| args.names.is_empty() || args.names.contains(name);
    for (name, image) in definitions.images.iter().filter(|(name, _)| chosen(name)) {
        for stop in &image.stops {
            let build = stop.build.as_deref().unwrap_or("all builds");
            let place = stop.place(&sources)?;
            writeln!(stops, "- {name}, {build}: `{place}`: {}", stop.why)?;
        }
        match build_all(name, image, &composer, (&s2i, &engine.target)) {
            Ok(own) => rows.extend(own),
            Err(err) => {
                eprintln!("{name}: {err:#}");
                rows.push(Row {
                    image: name.clone(),
                    scenario: "compose",
                    result: Err(err),
                    stops: false,
                });
            }
        }
    }
    println!("\non {}:\n\n{}", engine.target, table(&rows));
    println!("lines that can't run:\n{stops}");
    let failed = rows.iter().filter(|row| row.result.is_err() && !row.stops);
    let failed = failed.count();
    ensure!(failed == 0, "{failed} of {} builds failed", rows.len());
    Ok(())
}

/// Composes an image and runs all scenarios with it.
fn build_all(
    name: &str,
    image: &Definition,
    composer: &Composer,
    (s2i, target): (&Path, &Target),
) -> Result<Vec<Row>> {
    let builder = format!("s2i-wild/{name}");
    let archive = composer.compose(name, image, &builder)?;
    let work = tempfile::tempdir_in(paths::made())?;
    let builds = Builds {
        s2i,
        target,
        name,
        image,
        builder: (&builder, &archive),
        work: work.path().to_owned(),
    };
    let rows = builds.prepare().map(|()| {
        let rows = Scenario::ALL.map(|scenario| {
            let result = builds.run(scenario);
            if let Err(err) = &result {
                eprintln!("{name}, {}: {err:#}", scenario.name());
                print_tail(&builds.log(scenario));
            }
            let mut stops = image.stops.iter().map(|stop| stop.build.as_deref());
            Row {
                image: name.to_owned(),
                scenario: scenario.name(),
                result,
                stops: stops.any(|build| build == Some(scenario.name())),
            }
        });
        rows.into()
    });
    builds.clean();
    rows
}

fn print_tail(log: &Path) {
    let log = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    for line in &lines[lines.len().saturating_sub(TAIL)..] {
        eprintln!("    {line}");
    }
}

/// Returns the directory with all clones.
fn sources(definitions: &Definitions, from: Option<&Path>, made: &Path) -> Result<PathBuf> {
    let sources = from.map_or_else(|| made.join("sources"), Path::to_owned);
    for (name, repository) in &definitions.repositories {
        let directory = sources.join(name);
        if from.is_some() {
            repository.check(name, &directory)?;
        } else {
            repository.clone_into(name, &directory)?;
        }
    }
    Ok(sources)
}

/// Returns the rows as a table of Markdown.
fn table(rows: &[Row]) -> String {
    let mut table = String::from("| image | build | result | seconds |\n|---|---|---|---|\n");
    for row in rows {
        let (image, scenario) = (&row.image, row.scenario);
        let (result, seconds) = match &row.result {
            Ok(time) => ("works", format!("{:.1}", time.as_secs_f64())),
            Err(_) if row.stops => ("stops, see below", String::new()),
            Err(_) => ("fails", String::new()),
        };
        let row = [image, scenario, result, &seconds];
        table += &row.map(|cell| format!("| {cell} ")).concat();
        table += "|\n";
    }
    table
}
