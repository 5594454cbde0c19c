//! Builds that fail: for which reason, how soon, and what they leave.

use std::time::{Duration, Instant};

use super::{Machine, finish};
use crate::{images::Recipe, process::Running};

/// The longest time in which a build that can't succeed ends.
const GIVING_UP: Duration = Duration::from_secs(60);

#[test]
fn failed_script_is_not_tried_again_and_pushes_nothing() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let source = machine.live.instructions("print the reason\nexit 3");
    let app = machine.image("app");
    let done = finish(&mut machine.build(&source, &[], &app)).ends_with(4);
    done.says("assemble: a script failed");
    let pods = machine.kubectl(&["get", "pods", "-o", "name"]);
    assert_eq!(pods.lines().count(), 1, "{pods}");
    machine.lacks(&app);
}

#[test]
fn image_that_does_not_exist_ends_the_build_and_leaves_nothing() {
    let Some(mut machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    machine.agent = machine.image("missing");
    let source = machine.live.instructions("write /app/made text");
    let started = Instant::now();
    let app = machine.image("app");
    let done = finish(&mut machine.build(&source, &[], &app)).ends_with(21);
    done.says("an image can't be pulled");
    assert!(started.elapsed() < GIVING_UP, "{:?}", started.elapsed());
    assert_eq!(machine.jobs(), "");
}

#[test]
fn memory_above_the_limit_is_the_reason() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let source = machine.live.instructions("use-memory 400");
    let app = machine.image("app");
    let done = finish(&mut machine.build(&source, &["--memory", "64m"], &app)).ends_with(33);
    done.says("used more memory than its limit");
}

#[test]
fn deadline_ends_the_build_and_is_the_reason() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let source = machine.live.instructions("sleep 300");
    let app = machine.image("app");
    let started = Instant::now();
    let done = finish(&mut machine.build(&source, &["--deadline", "12s"], &app)).ends_with(35);
    done.says("deadline");
    assert!(started.elapsed() < GIVING_UP, "{:?}", started.elapsed());
}

#[test]
fn quota_that_is_used_up_is_the_reason() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    machine.kubectl(&["create", "quota", "small", "--hard=pods=0"]);
    let source = machine.live.instructions("write /app/made text");
    let app = machine.image("app");
    let started = Instant::now();
    let done = finish(&mut machine.build(&source, &[], &app)).ends_with(31);
    done.says("exceeded quota: small");
    assert!(started.elapsed() < GIVING_UP, "{:?}", started.elapsed());
    assert_eq!(machine.jobs(), "");
}

#[test]
fn missing_claim_is_the_reason() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let source = machine.live.instructions("write /app/made text");
    let app = machine.image("app");
    let options = ["--cache-claim", "missing", "--wait", "12s"];
    let started = Instant::now();
    let done = finish(&mut machine.build(&source, &options, &app)).ends_with(32);
    done.says("persistentvolumeclaim \"missing\" not found");
    assert!(started.elapsed() < GIVING_UP, "{:?}", started.elapsed());
    assert_eq!(machine.jobs(), "");
}

#[test]
fn evicted_pod_is_replaced() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let source = machine.live.instructions("sleep 8\nwrite /app/made text");
    let app = machine.image("app");
    let running = Running::start(&mut machine.build(&source, &[], &app));
    running.wait_for("step assemble");
    machine.evict(&machine.pod());
    running.finish().succeeds().says("the pod of try 2");
}
