//! `cargo xtask test`: all tests, including those on a real engine, then a check for leftovers in the engine,
//! and a list of the skipped tests.

mod contents;
mod kubernetes;
mod report;

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use s2i_test_engines::{Kind, host, paths};

use self::{
    contents::Contents,
    report::{Report, other_engines},
};
use crate::{
    dist::{self, Arch, Profile},
    engine::{Choice, Otherwise, Target},
    images,
    setup::{check_programs, step},
};

/// The builder images for tests.
const BUILDERS: [&str; 7] = [
    "go",
    "go:test",
    "go-runtime",
    "node",
    "node-runtime",
    "binary",
    "scratch",
];

/// The time that objects have to disappear by themselves.
const GOING: Duration = Duration::from_secs(20);

/// Arguments of `test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Use this engine: `native`, `native-user`, a kind of `cargo xtask engine`, or a URL; by default, one that
    /// responds, otherwise one that is started for the tests. With `kubernetes`, only the tests of builds on it run
    #[arg(long)]
    engine: Option<String>,
    /// Run also the tests that take long: every sample and page, a large source
    #[arg(long)]
    thorough: bool,
    /// Arguments of `cargo test`, such as a part of the names of tests
    #[arg(last = true)]
    filters: Vec<String>,
}

/// `cargo xtask test`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let start = Instant::now();
    check_programs()?;
    if args.engine.as_deref() == Some(Kind::Kubernetes.name()) {
        return kubernetes::run(args, start);
    }
    step(start, "finding a container engine");
    let engine = Choice::make(args.engine.as_deref(), Otherwise::Docker)?;
    let target = &engine.target;
    println!("using {target}");
    let arch = Arch::host()?;
    step(start, "building s2i, its agent and the scripts of images");
    dist::test_script(arch)?;
    dist::s2i(arch, Profile::Test)?;
    step(start, "composing the images of builders");
    images::load(&BUILDERS, target, Profile::Test)?;
    let before = Contents::of(target)?;
    step(start, "running the tests");
    let report = Report::new()?;
    let tested = host::run(tests(args, &engine).env("S2I_TEST_REPORT", report.path()));
    report.show(other_engines(&engine))?;
    end(start, tested, &before, || Contents::of(target))
}

/// Fails if the tests failed or left something in the engine.
fn end(
    start: Instant,
    tested: Result<()>,
    before: &Contents,
    now: impl Fn() -> Result<Contents>,
) -> Result<()> {
    step(start, "looking at what the tests left in the engine");
    let left = left_behind(before, now)?;
    if left.is_empty() {
        println!("nothing");
    }
    tested.context("tests failed")?;
    ensure!(
        left.is_empty(),
        "the tests left behind:\n{}",
        left.join("\n")
    );
    step(start, "all tests passed");
    Ok(())
}

/// Returns the leftovers of the tests. Waits for a while, because a container that ends by itself takes a
/// moment.
fn left_behind(before: &Contents, now: impl Fn() -> Result<Contents>) -> Result<Vec<String>> {
    let start = Instant::now();
    loop {
        let left = now()?.beyond(before);
        if left.is_empty() || start.elapsed() > GOING {
            return Ok(left);
        }
        thread::sleep(Duration::from_millis(200));
    }
}

fn tests(args: &Args, engine: &Choice) -> Command {
    let mut cargo = cargo_test(args);
    cargo.arg("--workspace").args(&args.filters);
    match &engine.target {
        Target::Api(url) => cargo.env("S2I_TEST_ENGINE", url).env("DOCKER_HOST", url),
        native => {
            if let Target::NativeUser { user, .. } = native {
                cargo.env("S2I_TEST_USER", user);
            }
            cargo
                .env("S2I_TEST_ENGINE", "native")
                .envs(native.store().map(|store| ("S2I_TEST_STORE", store)))
                .env_remove("DOCKER_HOST")
        }
    };
    // Containers of the test Podman of an ordinary user start without a network.
    let has_network = engine.kind != Some(Kind::PodmanUser);
    switch(&mut cargo, "S2I_TEST_NETWORK", has_network);
    cargo
}

/// Returns `cargo test` for live tests, without the selection of an engine and of tests.
fn cargo_test(args: &Args) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(paths::root())
        .args(["test", "--locked"])
        .env("S2I_TEST_REQUIRE_LIVE", "1");
    switch(&mut cargo, "S2I_TEST_THOROUGH", args.thorough);
    cargo
}

/// Sets a variable that tests look for, or removes that of the user.
fn switch(command: &mut Command, variable: &str, is_on: bool) {
    if is_on {
        command.env(variable, "1");
    } else {
        command.env_remove(variable);
    }
}
