//! Builds that end well, and what they leave.

use rustix::process::Signal;

use super::{Machine, finish};
use crate::{images::Recipe, process::Running};

#[test]
fn build_of_a_user_with_the_role_has_the_layer_of_the_embedded_engine() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let source = machine
        .live
        .instructions("copy /app\nwrite /app/made text\nmode /app/made 640");
    let app = machine.image("app");
    let done = finish(&mut machine.build(&source, &[], &app)).succeeds();
    let done = done.says("Build completed successfully").says("@sha256:");
    done.never_says("would violate");
    let local = machine.live.image("embedded");
    machine.build_here(&source, &[], &local);
    machine.pull(&app);
    assert_eq!(machine.layers(&app), machine.layers(&local));
    for name in [&app, &machine.builder] {
        machine.live.s2i(["rmi", name]).succeeds();
    }
    let job = machine.kubectl(&["get", "jobs", "-o", "jsonpath={.items[0].metadata.name}"]);
    finish(&mut machine.s2i(&["cluster", "list"]))
        .succeeds()
        .says(&job);
    finish(&mut machine.s2i(&["cluster", "logs", &job]))
        .succeeds()
        .says("assemble took");
    finish(&mut machine.s2i(&["cluster", "cancel", &job])).succeeds();
    assert_eq!(machine.jobs(), "");
}

#[test]
fn build_secret_reaches_assemble_and_nothing_else() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let value = "hunter22hunter22";
    machine.kubectl(&[
        "create",
        "secret",
        "generic",
        "npm",
        &format!("--from-literal=TOKEN={value}"),
    ]);
    let source = machine
        .live
        .instructions("show-env TOKEN\nwrite /app/made text");
    let app = machine.image("app");
    let options = ["--build-secret", "npm"];
    let done = finish(&mut machine.build(&source, &options, &app)).succeeds();
    done.says("TOKEN=Some(")
        .says("[redacted]")
        .never_says(value);
    let objects = machine.kubectl(&["get", "jobs,pods,configmaps,events", "-o", "yaml"]);
    assert!(!objects.contains(value));
    machine.pull(&app);
    let layer = machine.live.engine.last_layer(&app, &machine.live.path(""));
    assert!(layer.contains_key("app/made"), "{layer:#?}");
    machine.live.s2i(["rmi", &app]).succeeds();
}

#[test]
fn interrupted_build_is_removed() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let source = machine.live.instructions("sleep 300");
    let app = machine.image("app");
    let running = Running::start(&mut machine.build(&source, &[], &app));
    running.wait_for("step assemble");
    running.signal(Signal::INT);
    running.finish().ends_with(130);
    assert_eq!(machine.jobs(), "");
}

#[test]
fn deleted_pod_is_replaced_and_gets_the_source_again() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let source = machine.live.instructions("sleep 8\nwrite /app/made text");
    let app = machine.image("app");
    let running = Running::start(&mut machine.build(&source, &[], &app));
    running.wait_for("step assemble");
    let pod = machine.kubectl(&["get", "pods", "-o", "name"]);
    machine.kubectl(&["delete", "--wait=false", pod.trim()]);
    running.finish().succeeds().says("the pod of try 2");
}

#[test]
fn script_of_the_runtime_image_runs_in_it_as_its_user() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let runtime = machine.publish("runtime", &Recipe::runtime());
    let source = machine.live.instructions(
        "write /app/page text\nwrite-lines /app/runtime-instructions show-id\\nwrite /srv/made text",
    );
    let app = machine.image("app");
    let options = [
        "--runtime-image",
        &runtime,
        "--assemble-runtime-user",
        "1002:0",
    ];
    let done = finish(&mut machine.build(&source, &options, &app)).succeeds();
    done.says("step assemble-runtime")
        .says("assemble-runtime in /srv")
        .says("1002");
    let local = machine.live.image("embedded");
    machine.build_here(&source, &options, &local);
    machine.pull(&app);
    assert_eq!(machine.layers(&app), machine.layers(&local));
    for name in [&app, &machine.builder, &runtime] {
        machine.live.s2i(["rmi", name]).succeeds();
    }
}

#[test]
fn failed_script_of_the_runtime_image_pushes_nothing() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let runtime = machine.publish("runtime", &Recipe::runtime());
    let source = machine
        .live
        .instructions("write /app/page text\nwrite /app/runtime-instructions exit 3");
    let app = machine.image("app");
    let options = ["--runtime-image", &runtime];
    let done = finish(&mut machine.build(&source, &options, &app)).ends_with(4);
    done.says("assemble-runtime: a script failed");
    machine.lacks(&app);
}
