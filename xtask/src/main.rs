//! The tasks of this workspace: `cargo xtask TASK`.
//!
//! One file or folder a task; what they share is in `host` (running programs, naming what is missing)
//! and `paths` (where things are made).
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
mod setup;
mod test;
mod tidy;

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
    /// Measure builds, and compare them to BuildKit.
    Bench(bench::Args),
    /// Show it all: build the sample application from source, run it, fetch its page.
    Demo(demo::Args),
    /// Build the static programs that live inside images.
    Dist(dist::Args),
    /// Start, stop and list engines to test against.
    Engine(engine::Args),
    /// Look for inputs that break what reads input from outside.
    Fuzz(fuzz::Args),
    /// Compose the builder and runtime images.
    Images(images::Args),
    /// Run all tests, those on a real engine too.
    Test(test::Args),
    /// Check what compilers don't: arrows between crates, module heads, lints.
    Tidy(tidy::Args),
}

fn main() -> ExitCode {
    let done = match Args::parse().task {
        Task::Bench(args) => bench::run(&args),
        Task::Demo(args) => demo::run(&args),
        Task::Dist(args) => dist::run(&args),
        Task::Engine(args) => engine::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Images(args) => images::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Tidy(args) => tidy::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("xtask: {err:#}");
            ExitCode::FAILURE
        }
    }
}
