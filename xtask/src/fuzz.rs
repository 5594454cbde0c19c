//! `cargo xtask fuzz`: coverage-guided fuzzing of the code that reads external input.
//!
//! The targets are in `fuzz/src/bin`, in a crate outside of the workspace that is built with the instrumentation
//! of libFuzzer. New inputs go into a corpus below the target directory. `--merge` copies those that reach new
//! code into `fuzz/corpus`.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    thread,
};

use anyhow::{Context, Result, bail, ensure};
use s2i_test_engines::{host, paths};
use tempfile::TempDir;

/// Targets that create files, and so need more time for each input.
const ON_DISK: [&str; 2] = ["images", "unpack"];

/// The number of inputs for a target.
const RUNS: u64 = 10_000_000;

/// The number of inputs for a target that creates files.
const RUNS_ON_DISK: u64 = 100_000;

/// The time limit for an input, in seconds.
const TIMEOUT: u32 = 10;

/// The memory limit of a target in MiB, for its own data and the tables of libFuzzer, which grow with the
/// corpus.
const MEMORY: u32 = 1024;

/// The compiler options that count the code that an input reaches, and report comparisons to libFuzzer.
const INSTRUMENTATION: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// Arguments of `fuzz`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fuzz these targets, named after the files of `fuzz/src/bin`; by default, all
    targets: Vec<String>,
    /// Set the number of inputs for each target [default: 10000000, or 100000 for targets that create files]
    #[arg(long)]
    runs: Option<u64>,
    /// Set the number of targets that run at the same time [default: number of processors]
    #[arg(long)]
    jobs: Option<usize>,
    /// Detect memory errors in dependencies with unsafe code; slower, and needs rustup, which installs a nightly
    /// toolchain
    #[arg(long)]
    address: bool,
    /// Only add inputs of earlier runs that the committed corpus lacks
    #[arg(long)]
    merge: bool,
}

/// `cargo xtask fuzz`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let known = known()?;
    let is_known = |target: &&String| known.contains(target);
    if let Some(unknown) = args.targets.iter().find(|target| !is_known(target)) {
        bail!(
            "there is no target `{unknown}`; there are {}",
            known.join(", ")
        );
    }
    let targets = if args.targets.is_empty() {
        known
    } else {
        args.targets.clone()
    };
    let built = build(args.address)?;
    if args.merge {
        return targets.iter().try_for_each(|target| built.merge(target));
    }
    let jobs = match args.jobs {
        Some(jobs) => jobs,
        None => thread::available_parallelism()?.get(),
    };
    let queue = Mutex::new(targets.iter());
    let next = || queue.lock().expect("no run panics").next();
    let work = || {
        let runs = std::iter::from_fn(next).map(|target| built.fuzz(target, runs(args, target)));
        runs.filter_map(Result::err).collect::<Vec<_>>()
    };
    let failures: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        let failures = workers.into_iter().map(thread::ScopedJoinHandle::join);
        failures
            .flat_map(|failures| failures.expect("no run panics"))
            .collect()
    });
    for failure in &failures {
        eprintln!("{failure:#}");
    }
    ensure!(
        failures.is_empty(),
        "{} of the targets failed",
        failures.len()
    );
    Ok(())
}

fn runs(args: &Args, target: &str) -> u64 {
    let is_on_disk = ON_DISK.contains(&target);
    let usual = if is_on_disk { RUNS_ON_DISK } else { RUNS };
    args.runs.unwrap_or(usual)
}

/// Returns the maximum size of an input in bytes: archives consist of blocks, and each line of an ignore file is
/// compiled.
fn longest(target: &str) -> u32 {
    match target {
        "archive" | "images" | "layer" | "unpack" => 8192,
        "ignore" => 128,
        _ => 2048,
    }
}

/// Returns the committed corpora that a target starts with. All readers of tar share the same archives.
fn seeds(target: &str) -> Vec<&str> {
    match target {
        "layer" | "unpack" => vec!["archive", target],
        _ => vec![target],
    }
}

fn home() -> PathBuf {
    paths::root().join("fuzz")
}

/// Returns the names of all targets, sorted.
fn known() -> Result<Vec<String>> {
    let dir = home().join("src/bin");
    let entries = fs::read_dir(&dir).with_context(|| format!("can't read {}", dir.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let stem = entry?.path().file_stem().map(OsStr::to_owned);
        names.extend(stem.and_then(|stem| stem.into_string().ok()));
    }
    names.sort();
    Ok(names)
}

/// The compiled targets.
struct Built {
    programs: PathBuf,
}

fn build(address: bool) -> Result<Built> {
    host::require("c++", "apt-get install g++")?;
    let into = paths::target().join("fuzz");
    let mut flags = INSTRUMENTATION.to_owned();
    let mut cargo = if address {
        flags.push_str(" -Zsanitizer=address");
        host::require("rustup", "https://rustup.rs")?;
        let mut rustup = Command::new("rustup");
        rustup.args(["run", "--install", "nightly", "cargo"]);
        rustup
    } else {
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    };
    let into = into.join(if address { "address" } else { "plain" });
    let triple = triple()?;
    // With an explicit target, build scripts and macros are compiled without the flags.
    cargo.args(["build", "--release", "--locked", "--target", &triple]);
    cargo.arg("--target-dir").arg(&into);
    host::run(cargo.current_dir(home()).env("RUSTFLAGS", flags))?;
    Ok(Built {
        programs: into.join(triple).join("release"),
    })
}

/// Returns the target triple of this machine.
fn triple() -> Result<String> {
    let version = host::output(Command::new("rustc").arg("-vV"))?;
    let line = version.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).context("`rustc -vV` names no host")
}

/// Creates a temporary directory for the files of a target, in memory if possible. It is removed with its
/// content, because an aborted target removes nothing.
fn scratch() -> Result<TempDir> {
    let memory = Some(PathBuf::from("/dev/shm")).filter(|memory| memory.is_dir());
    let parent = memory.unwrap_or_else(std::env::temp_dir);
    let scratch = tempfile::Builder::new()
        .prefix("s2i-fuzz-")
        .tempdir_in(parent);
    scratch.context("can't make a temporary directory")
}

impl Built {
    /// Returns the command that runs libFuzzer on directories of inputs. It writes to `scratch`, and saves
    /// inputs that cause failures in `broken`.
    fn command(&self, target: &str, scratch: &Path, broken: &Path) -> Command {
        let mut command = Command::new(self.programs.join(target));
        command.env("TMPDIR", scratch).args([
            format!("-max_len={}", longest(target)),
            format!("-timeout={TIMEOUT}"),
            format!("-rss_limit_mb={MEMORY}"),
            format!("-artifact_prefix={}/", broken.display()),
            "-print_final_stats=1".into(),
        ]);
        command
    }

    /// Returns the directories of the inputs of earlier runs, and of those that caused failures.
    fn found(target: &str) -> Result<(PathBuf, PathBuf)> {
        let dir = paths::target().join("fuzz");
        let [corpus, broken] = ["corpus", "broken"].map(|name| dir.join(name).join(target));
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&broken)?;
        Ok((corpus, broken))
    }

    fn fuzz(&self, target: &str, runs: u64) -> Result<()> {
        let (corpus, broken) = Self::found(target)?;
        let log = paths::target().join("fuzz").join(format!("{target}.log"));
        let out = File::create(&log)?;
        let scratch = scratch()?;
        let status = self
            .command(target, scratch.path(), &broken)
            .arg(format!("-runs={runs}"))
            .arg(corpus)
            .args(
                seeds(target)
                    .iter()
                    .map(|seed| home().join("corpus").join(seed)),
            )
            .stderr(out.try_clone()?)
            .stdout(out)
            .status()
            .with_context(|| format!("can't start the target `{target}`"))?;
        let output = fs::read(&log)?;
        let output = String::from_utf8_lossy(&output);
        if !status.success() {
            let last: Vec<_> = output.lines().rev().take(40).collect();
            for line in last.iter().rev() {
                eprintln!("{target}: {line}");
            }
            bail!(
                "the target `{target}` failed; its input is in {}, its output in {}",
                broken.display(),
                log.display()
            );
        }
        let numbers = output
            .lines()
            .filter_map(|line| line.strip_prefix("stat::"));
        let numbers = numbers.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        println!("{target}: {}", numbers.collect::<Vec<_>>().join(", "));
        Ok(())
    }

    fn merge(&self, target: &str) -> Result<()> {
        let (found, broken) = Self::found(target)?;
        let corpus = home().join("corpus").join(target);
        fs::create_dir_all(&corpus)?;
        let scratch = scratch()?;
        let mut command = self.command(target, scratch.path(), &broken);
        host::run(command.arg("-set_cover_merge=1").args([corpus, found]))
    }
}
