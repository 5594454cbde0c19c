//! `cargo xtask bench`: the duration of builds and their phases on the embedded engine, on the embedded engine
//! with the result loaded into Docker, on Docker, and with BuildKit for the same steps on the same Docker in the
//! same run; and of the engine's own commit, which is a part of every build on Docker.
//!
//! Figures of different runs or machines can't be compared, but ratios of one run can. Both sides start from the
//! same builder image, whose `assemble` copies the source to `/app`, and take turns. BuildKit binds the source
//! with `RUN --mount=type=bind`, as a careful user would, and its cache is emptied before each turn, so that a
//! first build is compared with a first build. The builder runs as root on both sides, because a bound source
//! keeps its owner. For a runtime image, a second stage copies the result from the first. In one row, BuildKit
//! builds the Dockerfile that `s2i build --as-dockerfile` writes, which is a part of its time. Pushes and pulls are
//! compared with `skopeo` and `crane`, on a registry on loopback.

pub(crate) mod buildkit;
mod chart;
mod commit;
mod disk;
mod image;
mod ours;
mod push;
mod settle;
mod source;
mod watched;
mod work;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use s2i_test_engines::{host, paths};

pub(crate) use self::image::builder as builder_image;
use self::{
    chart::{Bar, Group},
    work::{Side, Work},
};
use crate::{
    dist::{self, Arch, Profile},
    engine::{Choice, Otherwise, Target},
    images,
};

/// Arguments of `bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Compare with this engine: a kind of `cargo xtask engine`, or a URL
    #[arg(long)]
    engine: Option<String>,
    /// Set the number of turns of each side
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Measure only s2i, for engines without BuildKit
    #[arg(long)]
    alone: bool,
    /// Measure only rows with this text in their name
    #[arg(long, default_value = "")]
    row: String,
    /// Draw the times, and the sizes of images, into this SVG file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// A row of the report.
struct Row {
    name: &'static str,
    /// The sides with their median times, in seconds.
    medians: Vec<(&'static str, f64)>,
}

/// One turn of one side.
pub(crate) struct Turn {
    /// The time from start to exit of the client.
    wall: Duration,
    /// The peak memory of the client, in bytes.
    memory: u64,
    /// The phases with their durations; empty if the side does not report them.
    phases: Vec<(String, Duration)>,
}

/// `cargo xtask bench`.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.runs == 0 {
        bail!("--runs must be at least 1");
    }
    let client = (!args.alone).then(buildkit::client).transpose();
    let client = client.context("measure without it: --alone")?;
    dist::install_target(Arch::host()?)?;
    let dir = dir()?;
    if disk::is_slow(&dir) {
        let Err(err) = disk::change(&dir);
        println!(
            "note: sides slow each other down by the files that they remove, because the disk has no journal; \
             a disk for this alone is not possible: {err:#}"
        );
    }
    let engine = Choice::make(args.engine.as_deref(), Otherwise::Docker)?;
    if client.is_some() && engine.kind.is_none() {
        bail!(
            "this would empty the build cache of {}; name an engine of `cargo xtask engine` with --engine, \
             or measure without BuildKit: --alone",
            engine.target
        );
    }
    dist::s2i(Arch::host()?, Profile::Release)?;
    let native = Target::private();
    let measured = measure(args, &dir, &native, &engine.target, client.as_deref());
    // The cleanup is independent of the result.
    for target in [&native, &engine.target] {
        target.remove_images(&ours::TAGS)?;
        target.remove_images(&[buildkit::TAG, commit::TAG])?;
        target.remove_images(&image::NAMES)?;
    }
    let rows = measured?;
    println!();
    for row in &rows {
        println!("{}:{}", row.name, ratios(&row.medians));
    }
    match &args.svg {
        Some(file) => draw(&rows, file),
        None => Ok(()),
    }
}

/// The images whose sizes are drawn.
const DRAWN: [&str; 4] = ["go", "node", "go-runtime", "binary"];

/// Draws the rows and the sizes of images.
fn draw(rows: &[Row], file: &Path) -> Result<()> {
    let mut groups: Vec<_> = rows.iter().map(Row::group).collect();
    let sizes = images::sizes(&DRAWN)?.into_iter().map(|(name, size)| Bar {
        label: format!("s2i/{name}"),
        value: f64::from(u32::try_from(size / 10_000).unwrap_or(u32::MAX)) / 100.0,
        is_ours: true,
    });
    groups.push(Group {
        title: "sizes of builder and runtime images".to_owned(),
        unit: "MB",
        bars: sizes.collect(),
    });
    fs::write(file, chart::draw(&groups)).with_context(|| format!("can't write {}", file.display()))
}

impl Row {
    fn group(&self) -> Group {
        let bars = self.medians.iter().map(|(side, seconds)| Bar {
            label: (*side).to_owned(),
            value: *seconds,
            is_ours: !Side::OTHERS.contains(side) && !push::OTHERS.contains(side),
        });
        Group {
            title: self.name.to_owned(),
            unit: "s",
            bars: bars.collect(),
        }
    }
}

/// Returns the directory of the sources and the images.
fn dir() -> Result<PathBuf> {
    let dir = paths::made().join("bench");
    fs::create_dir_all(&dir).with_context(|| format!("can't make {}", dir.display()))?;
    Ok(dir)
}

/// Measures every row.
fn measure(
    args: &Args,
    dir: &Path,
    native: &Target,
    docker: &Target,
    client: Option<&Path>,
) -> Result<Vec<Row>> {
    let images = image::compose(dir)?;
    for target in [native, docker] {
        host::run(
            target
                .s2i(Profile::Release)?
                .args(["load", "-i"])
                .arg(&images),
        )?;
    }
    println!(
        "native, and {docker}; {} runs each, times in seconds: median (min)",
        args.runs
    );
    let sides = sides(native, docker, client);
    let has_side = |work: Work| sides.iter().any(|side| work.is_for(side));
    let rows = work::ROWS
        .iter()
        .filter(|(name, work)| name.contains(&args.row) && has_side(*work));
    let rows = rows.map(|(name, work)| compare(name, *work, &sides, args.runs, dir));
    let mut rows = rows.collect::<Result<Vec<_>>>()?;
    rows.extend(push::measure(&args.row, args.runs, native, dir)?);
    Ok(rows)
}

fn sides<'a>(native: &'a Target, docker: &'a Target, client: Option<&'a Path>) -> Vec<Side<'a>> {
    let mut sides = vec![Side::Ours {
        name: "native",
        target: native,
        load: None,
    }];
    if let Some(url) = docker.url() {
        sides.push(Side::Ours {
            name: "native, loaded",
            target: native,
            load: Some(docker),
        });
        sides.push(Side::Ours {
            name: "s2i on it",
            target: docker,
            load: None,
        });
        if let Some(client) = client {
            sides.extend([Side::BuildKit { client, url }, Side::Commit { client, url }]);
        }
    }
    sides
}

/// Measures one row, with the sides in turns.
fn compare(
    name: &'static str,
    work: Work,
    sides: &[Side<'_>],
    runs: usize,
    dir: &Path,
) -> Result<Row> {
    let sides: Vec<&Side<'_>> = sides.iter().filter(|side| work.is_for(side)).collect();
    for side in &sides {
        work.prepare(side, dir)?;
    }
    take_turns(
        name,
        &sides,
        runs,
        |side| side.name(),
        |side| work.turn(side, dir),
    )
}

/// Measures the sides in turns, and reports them.
fn take_turns<S>(
    name: &'static str,
    sides: &[S],
    runs: usize,
    name_of: impl Fn(&S) -> &'static str,
    turn: impl Fn(&S) -> Result<Turn>,
) -> Result<Row> {
    println!("\n{name}");
    let mut turns: Vec<Vec<Turn>> = sides.iter().map(|_| Vec::new()).collect();
    for run in 0..runs {
        let mut takers: Vec<_> = sides.iter().zip(&mut turns).collect();
        // The order alternates, so that no side always follows the same other side.
        if run % 2 == 1 {
            takers.reverse();
        }
        for (side, turns) in takers {
            turns.push(turn(side)?);
        }
    }
    let mut medians = Vec::new();
    for (side, turns) in sides.iter().zip(&turns) {
        report(name_of(side), turns);
        medians.push((name_of(side), median(turns, |turn| turn.wall).as_secs_f64()));
    }
    Ok(Row { name, medians })
}

/// Returns the time of each side, and its ratio to that of the last side.
fn ratios(medians: &[(&str, f64)]) -> String {
    let Some((_, last)) = medians.last() else {
        return String::new();
    };
    let mut text = String::new();
    for (name, time) in medians {
        let _ = write!(text, " {name} {time:.3} (x{:.2})", time / last);
    }
    text
}

fn report(side: &str, turns: &[Turn]) {
    let memory = turns.iter().map(|turn| turn.memory).max();
    println!(
        "  {side:<18} {}   peak memory of the client {} MB",
        figures(turns, |turn| turn.wall),
        memory.unwrap_or_default() / 1_000_000
    );
    let phases = turns.first().into_iter().flat_map(|turn| &turn.phases);
    for (index, (name, _)) in phases.enumerate() {
        let time = |turn: &Turn| {
            let phase = turn.phases.get(index);
            phase.map(|(_, time)| *time).unwrap_or_default()
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
