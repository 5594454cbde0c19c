//! Our side of the comparison: one `s2i build`.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Turn;
use super::watched::Watched;
use crate::{dist::Profile, engine::Target};

/// The names of results. Loaded results have a separate name, so that they do not take the name of those that
/// were built on the same engine.
const BUILT: &str = "s2i-bench/ours";
const LOADED: &str = "s2i-bench/loaded";

/// Both names.
pub(crate) const TAGS: [&str; 2] = [BUILT, LOADED];

/// Builds the tree with this builder and these additional options, and loads the result into another engine.
pub(crate) fn build(
    target: &Target,
    load: Option<&Target>,
    builder: &str,
    options: &[&str],
    tree: &Path,
) -> Result<Turn> {
    let mut command = target.s2i(Profile::Release)?;
    command.args(["--progress", "json", "build", "--copy"]);
    let url = load.and_then(Target::url);
    let tag = if url.is_some() { LOADED } else { BUILT };
    command.args(url.map(|url| format!("--load={url}")));
    command.args(options).arg(tree).args([builder, tag]);
    command.stdout(Stdio::piped());
    let start = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("can't start {command:?}"))?;
    let watched = Watched::new(&child);
    let events = child.stdout.take().context("its output is a pipe")?;
    let events = BufReader::new(events).lines().map_while(Result::ok);
    let built = events
        .filter_map(|line| serde_json::from_str::<Value>(&line).ok())
        .find(|event| event["event"] == "built");
    let status = child.wait()?;
    let wall = start.elapsed();
    let (true, Some(built)) = (status.success(), built) else {
        bail!("{command:?} ended with {status}")
    };
    let phases = built["phases"].as_array().cloned().unwrap_or_default();
    let phases = phases.iter().map(|phase| {
        let name = phase["phase"].as_str().unwrap_or_default().to_owned();
        let time = phase["milliseconds"].as_u64().unwrap_or_default();
        (name, Duration::from_millis(time))
    });
    Ok(Turn {
        wall,
        memory: watched.most_memory(),
        phases: phases.collect(),
    })
}
