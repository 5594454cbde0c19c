//! The report of the live tests: the slowest ones and those that were skipped.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use s2i_test_engines::{host, paths};
use serde::Deserialize;

use crate::engine::{Choice, Target};

/// The number of tests that are listed with their durations.
const SLOWEST: usize = 10;

/// A file to which each live test appends a line.
pub(super) struct Report(PathBuf);

/// One line of the report.
#[derive(Deserialize)]
struct Line {
    test: String,
    seconds: Option<f64>,
    skipped: Option<String>,
}

impl Report {
    /// Creates an empty report.
    pub(super) fn new() -> Result<Self> {
        let path = paths::made().join("live-tests.jsonl");
        fs::create_dir_all(paths::made())?;
        // Tests of another user append to the file as well.
        fs::write(&path, "").with_context(|| format!("can't write {}", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Shows the slowest tests, the skipped ones and those of other engines, with the command that runs them.
    pub(super) fn show(&self, elsewhere: Vec<(String, String)>) -> Result<()> {
        let text = fs::read_to_string(&self.0)?;
        let lines = text.lines().map(serde_json::from_str);
        let lines: Vec<Line> = lines.collect::<Result<_, _>>()?;
        show_times(&lines);
        let mut not_run = skipped(&lines);
        not_run.extend(elsewhere);
        if not_run.is_empty() {
            return Ok(());
        }
        println!("\nnot run here:");
        for (what, why) in not_run {
            println!("  {what}: {why}");
        }
        Ok(())
    }
}

fn show_times(lines: &[Line]) {
    let mut times: Vec<_> = lines
        .iter()
        .filter_map(|line| Some((line.seconds?, &line.test)))
        .collect();
    if times.is_empty() {
        return;
    }
    let mut modules = BTreeMap::<&str, f64>::new();
    for (seconds, test) in &times {
        let module = test.split("::").next().unwrap_or(test);
        *modules.entry(module).or_default() += seconds;
    }
    times.sort_by(|one, two| two.0.total_cmp(&one.0));
    println!("\nthe slowest live tests, in seconds:");
    for (seconds, test) in times.iter().take(SLOWEST) {
        println!("{seconds:>8.1}  {test}");
    }
    let mut modules: Vec<_> = modules.into_iter().collect();
    modules.sort_by(|one, two| two.1.total_cmp(&one.1));
    let modules = modules.iter().take(SLOWEST);
    let modules: Vec<_> = modules
        .map(|(module, seconds)| format!("{module} {seconds:.0}"))
        .collect();
    println!("by module, several at once: {}", modules.join(", "));
}

/// Returns the skipped tests by reason.
fn skipped(lines: &[Line]) -> Vec<(String, String)> {
    let mut reasons = BTreeMap::<&str, BTreeSet<&str>>::new();
    for line in lines {
        if let Some(reason) = &line.skipped {
            reasons.entry(reason).or_default().insert(&line.test);
        }
    }
    let join = |tests: BTreeSet<&str>| tests.into_iter().collect::<Vec<_>>().join(", ");
    let reasons = reasons.into_iter();
    reasons
        .map(|(reason, tests)| (join(tests), reason.to_owned()))
        .collect()
}

/// Returns the engines on which the live tests did not run, with the command for each.
pub(super) fn other_engines(engine: &Choice) -> Vec<(String, String)> {
    let command = |program, package, kind| {
        let install = match host::find(program) {
            Some(_) => String::new(),
            None => format!("apt-get install {package} && "),
        };
        format!("{install}cargo xtask test --engine {kind}")
    };
    let is_native = !matches!(engine.target, Target::Api(_));
    let docker = is_native.then(|| {
        let command = command("dockerd", "docker.io", "docker");
        ("the live tests on Docker".into(), command)
    });
    let native = (!is_native).then(|| {
        let command = "cargo xtask test --engine native -- --test live";
        (
            "the live tests on the embedded engine".into(),
            command.into(),
        )
    });
    docker.into_iter().chain(native).collect()
}
