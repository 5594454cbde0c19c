//! `cargo xtask bench`: how long builds take, phase by phase, and how that compares to BuildKit doing
//! the same steps on the same engine in the same run.
//!
//! Figures of different runs or machines can't be compared; ratios of one run can. Both sides start
//! from the same builder image, whose `assemble` copies the source to `/app`, and take turns. BuildKit
//! binds the source with `RUN --mount=type=bind`, which is what a careful user would write, and its
//! cache is emptied before each turn: a first build against a first build. The builder runs as root on
//! both sides, because a bound source belongs to whom it belongs to.

mod buildkit;
mod image;
mod ours;
mod source;

use std::{fmt::Write as _, path::Path, time::Duration};

use anyhow::{Result, bail};

use crate::{
    dist::{self, Arch},
    engine::{Choice, http},
    paths,
};

/// Arguments of `bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The engine: a kind of `cargo xtask engine`, or a URL
    #[arg(long)]
    engine: Option<String>,
    /// How often each side takes its turn
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Only our own side, for engines that have no BuildKit
    #[arg(long)]
    alone: bool,
}

/// One turn of one side.
pub(crate) struct Turn {
    /// From start to end of the client.
    wall: Duration,
    /// The most memory that the client had, in bytes.
    memory: u64,
    /// The phases with what each took; empty where the side does not tell.
    phases: Vec<(String, Duration)>,
}

/// `cargo xtask bench`.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.runs == 0 {
        bail!("--runs must be at least 1");
    }
    let docker = if args.alone {
        None
    } else {
        Some(buildkit::client()?)
    };
    dist::check(Arch::host()?)?;
    let engine = Choice::make(args.engine.as_deref())?;
    if docker.is_some() && engine.kind.is_none() {
        bail!(
            "this would empty the build cache of {}; name an engine of `cargo xtask engine` with --engine, \
             or measure without BuildKit: --alone",
            engine.url
        );
    }
    let s2i = dist::s2i(Arch::host()?)?;
    let measured = measure(args.runs, &s2i, docker.as_deref(), &engine.url);
    // Whatever became of it.
    remove_images(&engine.url);
    print!("\n{}", measured?);
    Ok(())
}

/// Builds every source in turn, and returns a line of each.
fn measure(runs: usize, s2i: &Path, docker: Option<&Path>, url: &str) -> Result<String> {
    let dir = paths::made().join("bench");
    image::load(&dir, s2i, url)?;
    println!("engine {url}, {runs} runs each, times in seconds: median (min)");
    let mut summary = String::new();
    for shape in source::SHAPES {
        let tree = source::make(&dir, &shape)?;
        let bench = Bench {
            s2i,
            docker,
            url,
            tree: &tree,
        };
        bench.compare(shape.name, runs, &mut summary)?;
    }
    Ok(summary)
}

fn remove_images(url: &str) {
    for name in [image::NAME, ours::TAG, buildkit::TAG] {
        let _ = http::request(url, "DELETE", &format!("/images/{name}?force=true"));
    }
}

/// One source, built by both sides.
struct Bench<'a> {
    s2i: &'a Path,
    docker: Option<&'a Path>,
    url: &'a str,
    tree: &'a Path,
}

impl Bench<'_> {
    fn compare(&self, shape: &str, runs: usize, summary: &mut String) -> Result<()> {
        println!("\n{shape}");
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            ours.push(ours::build(self.s2i, self.url, self.tree)?);
            if let Some(docker) = self.docker {
                theirs.push(buildkit::build(docker, self.url, self.tree)?);
            }
        }
        report("s2i", &ours);
        let mine = median(&ours, |turn| turn.wall);
        let _ = write!(summary, "{shape}: s2i {:.2}", mine.as_secs_f64());
        if !theirs.is_empty() {
            report("BuildKit", &theirs);
            let other = median(&theirs, |turn| turn.wall);
            let ratio = mine.as_secs_f64() / other.as_secs_f64();
            let _ = write!(
                summary,
                ", BuildKit {:.2}, ratio {ratio:.2}",
                other.as_secs_f64()
            );
        }
        summary.push('\n');
        Ok(())
    }
}

fn report(side: &str, turns: &[Turn]) {
    let memory = turns
        .iter()
        .map(|turn| turn.memory)
        .max()
        .unwrap_or_default();
    println!(
        "  {side:<18} {}   peak memory of the client {} MB",
        figures(turns, |turn| turn.wall),
        memory / 1_000_000
    );
    let names = turns
        .first()
        .map(|turn| turn.phases.iter().map(|(name, _)| name.clone()))
        .into_iter()
        .flatten();
    for (index, name) in names.enumerate() {
        let time = |turn: &Turn| {
            turn.phases
                .get(index)
                .map(|(_, time)| *time)
                .unwrap_or_default()
        };
        println!("    {name:<16} {}", figures(turns, time));
    }
}

fn figures(turns: &[Turn], time: impl Fn(&Turn) -> Duration) -> String {
    let least = turns.iter().map(&time).min().unwrap_or_default();
    format!(
        "{:>7.2} ({:.2})",
        median(turns, time).as_secs_f64(),
        least.as_secs_f64()
    )
}

fn median(turns: &[Turn], time: impl Fn(&Turn) -> Duration) -> Duration {
    let mut times: Vec<_> = turns.iter().map(time).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
