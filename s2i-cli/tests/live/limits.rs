//! Limits of containers: a limit is enforced, or the container does not start.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use crate::{
    harness::{Live, live, skip},
    images::{Entry, Recipe},
    process::{Done, Line},
};

/// The options, and their value in the kernel's files.
const OPTIONS: [&str; 6] = ["--memory", "64m", "--cpus", "0.5", "--pids-limit", "50"];
const MEMORY: &str = "67108864";

/// The file that exists only with version 2 of control groups.
const V2: &str = "/sys/fs/cgroup/cgroup.controllers";

/// The files with the limits for memory and processes in a container.
fn files() -> [&'static str; 2] {
    if Path::new(V2).exists() {
        ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/pids.max"]
    } else {
        [
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/pids/pids.max",
        ]
    }
}

/// The instructions that print the limits after a first line.
fn script() -> String {
    let [memory, pids] = files();
    format!("print begun\nshow-file {memory}\nshow-file {pids}")
}

/// Returns whether the engine has limits here: `s2i doctor` reports it for the embedded one, and a daemon of an
/// ordinary user needs version 2 of control groups.
fn has_limits(live: &Live) -> bool {
    let Some(api) = live.engine.api() else {
        let doctor = live.s2i(["doctor"]).succeeds();
        let is_none = |line: &Line| line.text.split_whitespace().eq(["limits", "none"]);
        return !doctor.lines.iter().any(is_none);
    };
    let socket = api.url.strip_prefix("unix://").unwrap();
    let is_roots = fs::metadata(socket).unwrap().uid() == 0;
    is_roots || Path::new(V2).exists()
}

/// Limits that hold are seen in the container; one that does not hold is an error.
fn check(live: &Live, done: Done) {
    if !has_limits(live) {
        let reason = if live.engine.is_native() {
            "cgroup"
        } else {
            "version 2 of control groups"
        };
        done.ends_with(22)
            .says("limit")
            .says(reason)
            .never_says("begun");
        live.nothing_left();
        return;
    }
    let done = done.succeeds();
    let shown: Vec<_> = done.lines.iter().map(|line| line.text.trim()).collect();
    assert!(shown.contains(&MEMORY), "{shown:?}");
    assert!(shown.contains(&"50"), "{shown:?}");
}

#[test]
fn build_has_its_limits_or_does_not_start() {
    let Some(live) = live() else { return };
    let done = live.build(&OPTIONS, live.instructions(&script()));
    check(&live, done);
}

#[test]
fn application_has_its_limits_or_does_not_start() {
    let Some(live) = live() else { return };
    let recipe = Recipe::builder().with("do/instructions", Entry::Text(0o644, script().leak()));
    let image = live.load("program", &recipe);
    let usual = ["run", "--network", "none", "-e", "TEST_SOURCE=/do"];
    let program = [&image[..], "/usr/libexec/s2i/assemble"];
    let done = live.s2i([&usual[..], &OPTIONS, &program].concat());
    check(&live, done);
}

/// Not every kernel file shows them, but the engine does.
#[test]
fn engine_shows_the_limits_of_a_container() {
    let Some(live) = live() else { return };
    let Some(api) = live.engine.api() else {
        return skip("the embedded engine shows no settings of a container");
    };
    if !has_limits(&live) {
        return skip("this engine has no limits here");
    }
    let running = live.start_build(&OPTIONS, live.instructions("print begun\nsleep 60"));
    running.wait_for("begun");
    let host = api.container(&live.container()).host_config.unwrap();
    assert_eq!(host.memory, Some(64 << 20));
    assert_eq!(host.pids_limit, Some(50));
    let nano = host.nano_cpus.unwrap_or_default();
    let share = (host.cpu_quota, host.cpu_period);
    assert!(
        share == (Some(50_000), Some(100_000)) || nano == 500_000_000,
        "{share:?} {nano}"
    );
    running.signal(rustix::process::Signal::INT);
    running.finish().ends_with(130);
    live.nothing_left();
}
