//! Builds in the container that `s2i` itself runs in: a job of Docker, as an ordinary user without any right.

use std::{fs, path::Path, process::Command};

use s2i_core::label;
use serde_json::json;

use crate::{
    engine::{Engine, Layer},
    harness::{live, skip},
    images::{Entry, Recipe},
    jobs::{Machine, USERS, builder, layer_ids, libraries},
    process::Running,
    registry::{PASSWORD, Registry, USER},
};

/// The instructions of `assemble` in most tests: everything that a user without rights can do.
pub(crate) const EVERYTHING: &str = "\
copy /app
make-dir /app/made/deep
write /app/made/deep/file some text
mode /app/made/deep/file 750
mode /app/made 2775
link /app/link ../nowhere
hard-link /app/made/second /app/made/deep/file
remove /app/gone
write /app/changed other
write /app/temporary text
remove /app/temporary
make-dir /tmp/temporary
remove /tmp/temporary
orphan 30";

#[test]
fn layer_is_that_of_the_embedded_engine_whatever_user_runs_it() {
    let Some(machine) = Machine::ready(&builder()) else {
        return;
    };
    let source = machine
        .live
        .source(&[("instructions", EVERYTHING), ("file", "text")]);
    let beside = machine.beside();
    let local = machine.live.image("embedded");
    let source_text = source.to_str().unwrap();
    let args = [
        "build",
        "--copy",
        "--network",
        "none",
        source_text,
        &machine.builder,
        &local,
    ];
    machine.native(&beside, &args).succeeds();
    let expected = layer_ids(&beside, &local);
    for (number, user) in USERS.into_iter().enumerate() {
        let app = machine.image(&format!("app{number}"));
        machine
            .build(user, &[], &source, &app)
            .succeeds()
            .says("building in this container")
            .never_says("have changed in this container");
        machine.native(&beside, &["pull", &app]).succeeds();
        let layers = beside.layers(&app, &machine.live.path(""));
        let layer: &Layer = layers.last().unwrap();
        assert_eq!(layer_ids(&beside, &app), expected, "{layer:#?}");
        assert!(layer.contains_key("app/.wh.gone"));
        assert!(!layer.contains_key("tmp") && !layer.contains_key("app/unchanged"));
        assert!(layer.values().all(|file| file.uid == 1001 || file.uid == 0));
        machine.native(&beside, &["rmi", &app]).succeeds();
    }
    machine
        .native(&beside, &["rmi", &local, &machine.builder])
        .succeeds();
}

#[test]
fn artifacts_go_into_a_runtime_image_that_is_not_run() {
    let Some(machine) = Machine::ready(&builder()) else {
        return;
    };
    let runtime = Recipe::runtime().label(label::ASSEMBLE_RUNTIME, label::OPTIONAL);
    let local = machine.live.load("runtime", &runtime);
    let slim = machine.image("runtime:1");
    machine.publish(&local, &slim);
    let source = machine
        .live
        .instructions("write /app/made text\nmode /app/made 640");
    let app = machine.image("app");
    let options = ["--runtime-image", &slim];
    machine
        .build(USERS[1], &options, &source, &app)
        .succeeds()
        .never_says("assemble-runtime runs");
    let beside = machine.beside();
    machine.native(&beside, &["pull", &app]).succeeds();
    let layers = beside.layers(&app, &machine.live.path(""));
    assert_eq!(layers.len(), 2);
    assert_eq!(layers[1]["srv/app/made"].mode, 0o640);
    assert_eq!(layers[1]["srv/app/made"].uid, 1001);
    assert_eq!(layers[1]["srv"].mode, layers[0]["srv"].mode);
    machine
        .native(&beside, &["rmi", &app, &machine.builder])
        .succeeds();

    // One with a script that has to run is refused before anything starts.
    let local = machine.live.load("with-script", &Recipe::runtime());
    let other = machine.image("runtime:2");
    machine.publish(&local, &other);
    machine
        .build(USERS[0], &["--runtime-image", &other], &source, &app)
        .ends_with(18)
        .says("has the script `/usr/libexec/s2i/assemble-runtime`")
        .never_says("assemble took");
}

#[test]
fn artifacts_of_the_previous_image_are_restored() {
    let Some(machine) = Machine::ready(&crate::incremental::lending()) else {
        return;
    };
    let first = machine.live.instructions("make-artifacts 50 100");
    let app = machine.image("app");
    let options = ["--incremental"];
    machine.build(USERS[1], &options, &first, &app).succeeds();
    let second = machine.live.instructions("copy-artifacts");
    machine
        .build(USERS[1], &options, &second, &app)
        .succeeds()
        .never_says("a clean build");
    let beside = machine.beside();
    machine.native(&beside, &["pull", &app]).succeeds();
    let layer = beside.last_layer(&app, &machine.live.path(""));
    assert!(layer.keys().any(|name| name.starts_with("app/artifacts/")));
    machine
        .native(&beside, &["rmi", &app, &machine.builder])
        .succeeds();
}

#[test]
fn other_image_and_missing_builder_are_errors() {
    let Some(machine) = Machine::ready(&builder()) else {
        return;
    };
    let other = Recipe::builder().with("app/other", Entry::Text(0o644, "text"));
    let other = other.with("app/more", Entry::Text(0o644, "text"));
    let local = machine.live.load("other", &other);
    let named = machine.image("other:1");
    machine.publish(&local, &named);
    let source = machine.live.instructions("write /app/made text");
    let app = machine.image("app");
    let run = |image: &str, words: &[&str]| {
        let mut job = machine.job(USERS[0], &[], image, &source);
        job.args(["s2i", "build", "--engine", "here", "--copy", "/src"]);
        Running::start(job.args(words)).finish()
    };
    run(&machine.builder, &[&named, &app, "--push"])
        .ends_with(21)
        .says("this container is not of the image");
    run(&machine.builder, &[&app, "--push"])
        .ends_with(2)
        .says("the image of this container is not known");
    run(&machine.builder, &[&machine.builder, &app])
        .ends_with(2)
        .says("the result would be lost");
    run(
        &machine.builder,
        &[&machine.builder, &app, "--push", "--network", "none"],
    )
    .ends_with(22)
    .says("in place");
    // Nothing came into the registry.
    let beside = Engine::beside();
    machine.native(&beside, &["pull", &app]).ends_with(21);
}

#[test]
fn changes_of_the_job_before_are_a_warning_and_not_in_the_image() {
    let Some(machine) = Machine::ready(&builder().with("bin/sh", Entry::Program)) else {
        return;
    };
    let source = machine.live.instructions("write /app/made text");
    let app = machine.image("app");
    let build = format!(
        "start s2i build --engine here --copy --push /src {} {app}",
        machine.builder
    );
    let mut job = machine.job(USERS[0], &[], &machine.builder, &source);
    job.args(["sh", "-c", "sleep 3", "write /app/before text", &build]);
    Running::start(&mut job)
        .finish()
        .succeeds()
        .says("have changed in this container since it started, for example `/app/before`");
    let beside = machine.beside();
    machine.native(&beside, &["pull", &app]).succeeds();
    let layer = beside.last_layer(&app, &machine.live.path(""));
    assert!(layer.contains_key("app/made") && !layer.contains_key("app/before"));
    machine
        .native(&beside, &["rmi", &app, &machine.builder])
        .succeeds();
}

#[test]
fn base_is_copied_to_another_registry_and_a_refused_push_leaves_nothing_there() {
    let Some(machine) = Machine::ready(&builder()) else {
        return;
    };
    let dir = machine.live.path("other-registry");
    fs::create_dir(&dir).unwrap();
    let other = Registry::with_login(&dir, "");
    let [own, other] = [machine.registry.port, other.port].map(|port| format!("127.0.0.1:{port}"));
    let log_in = |password: &str| {
        let login = |password: &str| json!({"username": USER, "password": password});
        let config = json!({"auths": {&own: login(PASSWORD), &other: login(password)}});
        fs::write(machine.live.path(".docker/config.json"), config.to_string()).unwrap();
    };
    let source = machine.live.instructions("write /app/made text");
    let app = format!("{other}/other/app:1");
    let beside = machine.beside();
    log_in("wrong horse");
    machine
        .build(USERS[1], &[], &source, &app)
        .ends_with(22)
        .says(&format!("s2i login {other}"))
        .says("stays in it")
        .never_says("wrong horse");
    log_in(PASSWORD);
    machine.native(&beside, &["pull", &app]).ends_with(21);
    machine.build(USERS[1], &[], &source, &app).succeeds();
    machine.native(&beside, &["pull", &app]).succeeds();
    machine
        .native(&beside, &["run", &app])
        .succeeds()
        .says("run ended");
    machine
        .native(&beside, &["rmi", &app, &machine.builder])
        .succeeds();
}

#[test]
fn archive_needs_no_registry_for_the_result() {
    let Some(machine) = Machine::ready(&builder()) else {
        return;
    };
    let source = machine.live.instructions("write /app/made text");
    let app = machine.live.image("app");
    let mut job = machine.job(USERS[1], &[], &machine.builder, &source);
    job.args(["s2i", "build", "--engine", "here", "--copy", "-o", "-"]);
    let made = job.args(["/src", &machine.builder, &app]).output().unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let archive = machine.live.path("app.tar");
    fs::write(&archive, made.stdout).unwrap();
    machine
        .live
        .s2i(["load", "-i", archive.to_str().unwrap()])
        .succeeds();
    machine.live.s2i(["run", &app]).succeeds().says("run ended");
}

#[test]
fn failed_build_leaves_no_source_and_a_killed_one_is_noticed() {
    let recipe = builder().with("bin/sh", Entry::Program);
    let Some(machine) = Machine::ready(&recipe) else {
        return;
    };
    let source = machine.live.instructions("exit 3");
    let build = format!(
        "s2i build --engine here --copy -o /dev/null /src {} app",
        machine.builder
    );
    let run = |lines: &[&str]| {
        let mut job = machine.job(USERS[0], &[], &machine.builder, &source);
        Running::start(job.args(["sh", "-c"]).args(lines)).finish()
    };
    run(&[&format!("try {build}"), "must-not-exist /tmp/src"])
        .succeeds()
        .says("stays in it");
    run(&[
        "make-dir /tmp/src",
        "write /tmp/src/old text",
        &format!("start {build}"),
    ])
    .says("perhaps of a build that was killed");
}

#[test]
fn without_a_container_the_embedded_engine_is_named() {
    let Some(live) = live() else { return };
    if !rustix::process::geteuid().is_root() {
        return skip("only root can change the root");
    }
    // Nothing in it marks a container.
    let root = live.path("root");
    let s2i = Path::new(env!("CARGO_BIN_EXE_s2i"));
    for file in libraries(s2i) {
        let to = root.join(file.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file, to).unwrap();
    }
    fs::copy(s2i, root.join("s2i")).unwrap();
    let mut command = Command::new("/usr/sbin/chroot");
    command.env_clear().arg(&root).arg("/s2i");
    command.args(["--engine", "here", "build", "/", "builder", "app", "--push"]);
    Running::start(&mut command)
        .finish()
        .ends_with(20)
        .says("--engine native");
}
