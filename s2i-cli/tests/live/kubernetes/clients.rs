//! Commands that end before their build does.

use std::{
    fs::{self, File},
    io::{self, Read as _},
};

use rustix::process::Signal;

use super::{Machine, finish};
use crate::{
    harness::names_in,
    images::Recipe,
    process::{Running, Stream},
};

#[test]
fn upload_of_a_killed_client_pushes_nothing() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let source = machine.live.instructions("write /app/made text");
    // Random bytes barely compress, so their upload takes long enough to be cut.
    let mut random = File::open("/dev/urandom").unwrap().take(400 << 20);
    let mut file = File::create(source.join("large")).unwrap();
    io::copy(&mut random, &mut file).unwrap();
    let app = machine.image("app");
    let options = ["--retries", "0", "--progress", "json"];
    let running = Running::start(&mut machine.build(&source, &options, &app));
    running.wait_for("\"kind\":\"upload\"");
    running.signal(Signal::KILL);
    drop(running);
    // A killed process can't remove its temporary directory.
    for name in names_in(&machine.live.path("tmp")) {
        fs::remove_dir_all(machine.live.path("tmp").join(name)).unwrap();
    }
    let job = machine.kubectl(&["get", "jobs", "-o", "jsonpath={.items[0].metadata.name}"]);
    finish(&mut machine.s2i(&["cluster", "wait", &job, "--wait", "60s"]))
        .ends_with(8)
        .says("the source was not received completely");
    machine.lacks(&app);
}

#[test]
fn detached_build_goes_on_without_its_client() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let source = machine.live.instructions("sleep 3\nwrite /app/made text");
    let app = machine.image("app");
    let done = finish(&mut machine.build(&source, &["--detach"], &app)).succeeds();
    let job = done.stream(Stream::Stdout)[0].to_owned();
    finish(&mut machine.s2i(&["cluster", "wait", &job]))
        .succeeds()
        .says("@sha256:");
    let retried = finish(&mut machine.s2i(&["cluster", "retry", &job])).ends_with(2);
    retried.says("source");
}
