//! Signals while the command waits for a file that does not come.

use std::{
    fs,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    process::{Pid, Signal, kill_process},
};

use crate::{
    daemon::Knobs,
    scene::{BUILD, Done, Scene},
};

/// The time after which something that does not happen fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

/// The exit codes of the signals that stop a command.
pub(crate) const CODES: [(Signal, u8, &str); 3] = [
    (Signal::HUP, 129, "SIGHUP"),
    (Signal::INT, 130, "Ctrl-C"),
    (Signal::TERM, 143, "SIGTERM"),
];

/// Creates a scene with a pipe that nothing writes to.
fn scene() -> Scene {
    let scene = Scene::with_engine(Knobs::default());
    let mode = Mode::RUSR | Mode::WUSR;
    mknodat(CWD, scene.path("pipe"), FileType::Fifo, mode, 0).unwrap();
    scene
}

/// Starts the command, waits until a thread of it opens the pipe, and stops it.
fn stop(scene: &Scene, args: &[&str], signal: Signal) -> Done {
    let mut command = scene.command(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    wait_until_opening(&child);
    kill_process(Pid::from_child(&child), signal).unwrap();
    scene.done(&child.wait_with_output().unwrap())
}

/// A thread that opens a pipe waits in the kernel for its other end.
fn wait_until_opening(child: &Child) {
    let tasks = format!("/proc/{}/task", child.id());
    let start = Instant::now();
    let is_opening = || {
        let tasks = fs::read_dir(&tasks).into_iter().flatten().flatten();
        let mut waits = tasks.map(|task| fs::read_to_string(task.path().join("syscall")));
        // The call `open` or `openat`, by architecture.
        waits.any(|call| {
            let call = call.unwrap_or_default();
            let number = call.split(' ').next().unwrap_or_default();
            matches!(number, "2" | "257") && cfg!(target_arch = "x86_64")
                || number == "56" && cfg!(target_arch = "aarch64")
        })
    };
    while !is_opening() {
        assert!(start.elapsed() < PATIENCE, "the pipe is not opened");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn each_signal_has_its_exit_code() {
    let scene = scene();
    for (signal, code, name) in CODES {
        let done = stop(&scene, &["load", "-i", "pipe"], signal).ends_with(code);
        done.warns(&format!("error: stopped by {name}\n"));
    }
}

#[test]
fn every_file_of_the_command_line_is_opened_interruptibly() {
    let scene = scene();
    let build = |option| [&BUILD[..], &[option]].concat();
    for args in [
        vec!["load", "-i", "pipe"],
        vec!["export", "s2i/go", "-o", "pipe"],
        vec!["run", "--environment-file", "pipe", "s2i/go"],
        build("--environment-file=pipe"),
        build("--secret=id=TOKEN,src=pipe"),
        build("--trust-ca=pipe"),
        vec![
            "build",
            "app",
            "s2i/go",
            "-E",
            "pipe",
            "--as-dockerfile",
            "out/",
        ],
    ] {
        stop(&scene, &args, Signal::INT).ends_with(130);
    }
    assert!(!scene.path("out").exists());
}

#[test]
fn programs_get_the_signal_as_an_event() {
    let scene = scene();
    let args = ["load", "-i", "pipe", "--progress", "json"];
    let done = stop(&scene, &args, Signal::INT).ends_with(130);
    insta::assert_snapshot!(done.stdout, @r#"
    {"event":"stopping","reason":"Ctrl-C"}
    {"cleanup":null,"event":"failed","exit_code":130,"hint":null,"message":"stopped by Ctrl-C"}
    "#);
}
