//! The tasks of this workspace: `cargo xtask TASK`.
//!
//! Each task has its own file or folder. Shared code is in `host` (running programs, reporting missing ones) and
//! `paths` (the directories of results).
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people at a terminal"
)]

mod bench;
mod demo;
mod dist;
mod engine;
mod fuzz;
mod images;
mod package;
mod setup;
mod test;
mod tidy;
mod wild;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of this workspace.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure builds and compare them with BuildKit.
    Bench(bench::Args),
    /// Build the sample application from source, run it and fetch its page.
    Demo(demo::Args),
    /// Build the static programs for images, or the files of a release.
    Dist(dist::Args),
    /// Start, stop and list engines for tests.
    Engine(engine::Args),
    /// Fuzz the code that reads external input.
    Fuzz(fuzz::Args),
    /// Compose the builder and runtime images.
    Images(images::Args),
    /// Package the crates, and build and run the examples with the packages.
    Package(package::Args),
    /// Run all tests, including those on a real engine.
    Test(test::Args),
    /// Check rules that the compiler does not: dependencies between crates, module heads, lints.
    Tidy(tidy::Args),
    /// Build with the scripts of known builder images, as their authors wrote them.
    Wild(wild::Args),
}

fn main() -> ExitCode {
    let done = match Args::parse().task {
        Task::Bench(args) => bench::run(&args),
        Task::Demo(args) => demo::run(&args),
        Task::Dist(args) => dist::run(&args),
        Task::Engine(args) => engine::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Images(args) => images::run(&args),
        Task::Package(args) => package::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Tidy(args) => tidy::run(&args),
        Task::Wild(args) => wild::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("xtask: {err:#}");
            ExitCode::FAILURE
        }
    }
}
