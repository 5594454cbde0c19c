//! `cargo xtask test`: all tests, including those on a real engine, then a check for leftovers in the engine,
//! and a list of the skipped tests.

mod contents;
mod report;

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use s2i_test_engines::{Kind, host, paths};

use self::{contents::Contents, report::Report};
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
    /// responds, otherwise one that is started for the tests
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
    report.show(&engine)?;
    step(start, "looking at what the tests left in the engine");
    let left = left_behind(target, &before)?;
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
fn left_behind(target: &Target, before: &Contents) -> Result<Vec<String>> {
    let start = Instant::now();
    loop {
        let left = Contents::of(target)?.beyond(before);
        if left.is_empty() || start.elapsed() > GOING {
            return Ok(left);
        }
        thread::sleep(Duration::from_millis(200));
    }
}

fn tests(args: &Args, engine: &Choice) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(paths::root())
        .args(["test", "--workspace", "--locked"])
        .args(&args.filters)
        .env("S2I_TEST_REQUIRE_LIVE", "1");
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
    for (name, wanted) in [
        // Containers of the test Podman of an ordinary user start without a network.
        ("S2I_TEST_NETWORK", engine.kind != Some(Kind::PodmanUser)),
        ("S2I_TEST_THOROUGH", args.thorough),
    ] {
        if wanted {
            cargo.env(name, "1");
        } else {
            cargo.env_remove(name);
        }
    }
    cargo
}
