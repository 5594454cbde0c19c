//! The live tests on Kubernetes.

use std::{process::Command, time::Instant};

use anyhow::Result;
use s2i_test_engines::{
    Kind, down, endpoint, host,
    kubernetes::{kubeconfig, pod_registry, registry},
    up,
};

use super::{Args, cargo_test, contents::Contents, end, report::Report, switch};
use crate::{
    dist::{self, Arch, Place, Profile},
    setup::step,
};

/// The live tests of builds on Kubernetes.
const TESTS: &str = "kubernetes::";

/// The engine. If it was started for the tests, it is stopped when dropped.
struct Engine {
    started: bool,
}

/// Runs the tests, on an engine that is up or else on one that is started for them.
pub(super) fn run(args: &Args, start: Instant) -> Result<()> {
    step(start, "starting Kubernetes");
    let _engine = Engine::start()?;
    let arch = Arch::host()?;
    step(start, "building s2i, its agent and the scripts of images");
    dist::test_script(arch)?;
    dist::s2i(arch, Profile::Test)?;
    let agent = dist::static_s2i(arch, Place::Image)?;
    let before = Contents::of_kubernetes()?;
    step(start, "running the tests");
    let report = Report::new()?;
    let mut tests = tests(args);
    tests.env("S2I_TEST_AGENT", agent);
    let tested = host::run(tests.env("S2I_TEST_REPORT", report.path()));
    report.show(Vec::new())?;
    end(start, tested, &before, Contents::of_kubernetes)
}

impl Engine {
    fn start() -> Result<Self> {
        let started = endpoint(Kind::Kubernetes).is_none();
        let endpoint = up(Kind::Kubernetes)?;
        println!("using Kubernetes {} at {}", endpoint.version, endpoint.url);
        Ok(Self { started })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if !self.started {
            return;
        }
        if let Err(err) = down(Kind::Kubernetes) {
            eprintln!("warning: can't stop Kubernetes: {err:#}");
        }
    }
}

/// Returns the command that runs the tests; by default, all of those on Kubernetes.
fn tests(args: &Args) -> Command {
    let mut cargo = cargo_test(args);
    cargo.args(["--package", "s2i-cli", "--test", "live"]);
    if args.filters.is_empty() {
        cargo.arg(TESTS);
    }
    cargo.args(&args.filters);
    cargo
        .env("S2I_TEST_ENGINE", Kind::Kubernetes.name())
        .env("S2I_TEST_REGISTRY", registry())
        .env("S2I_TEST_POD_REGISTRY", pod_registry())
        .env("KUBECONFIG", kubeconfig())
        .env_remove("DOCKER_HOST");
    switch(&mut cargo, "S2I_TEST_NETWORK", true);
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(filters: &[&str]) -> Vec<String> {
        let args = Args {
            engine: None,
            thorough: false,
            filters: filters.iter().map(ToString::to_string).collect(),
        };
        let command = super::tests(&args);
        let words = command.get_args();
        words
            .map(|word| word.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn only_tests_on_kubernetes_run() {
        assert_eq!(
            words(&[]).join(" "),
            "test --locked --package s2i-cli --test live kubernetes::"
        );
    }

    #[test]
    fn filter_of_the_user_comes_instead() {
        assert_eq!(
            words(&["kubernetes::jobs"]).join(" "),
            "test --locked --package s2i-cli --test live kubernetes::jobs"
        );
    }
}
