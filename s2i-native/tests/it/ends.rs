//! Nothing outlives what started it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use s2i_core::wire::Exit;

use crate::scene::{Scene, can_run, temporary};

crate::tests!(
    containers_are_killed_with_their_parent,
    stages_have_no_environment_of_the_user,
    it_ends_when_it_is_killed,
    it_ends_when_it_is_dropped,
    the_first_process_ends_all_others,
    a_signal_reaches_the_first_process,
    the_thread_that_started_it_may_end,
    supervised_programs_are_killed_with_their_parent,
    exit_codes_of_supervised_programs_are_passed_on,
    supervised_programs_are_killed_without_process_handles,
);

/// Starts processes that would live for long, and reports that.
const LONG: &str = "sleep 4711 & (sleep 4711 &) ; echo started; sleep 4711";

/// The processes of a container, as the host sees them.
fn processes_of(scene: &Scene) -> Vec<String> {
    let upper = scene.sandbox.upper.to_str().unwrap();
    marked(&format!("MARK={upper}"))
}

/// The processes with this variable.
fn marked(marker: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        let is_number = pid.bytes().all(|byte| byte.is_ascii_digit());
        let environ = fs::read(entry.path().join("environ")).unwrap_or_default();
        let has_mark = environ
            .split(|byte| *byte == 0)
            .any(|entry| entry == marker.as_bytes());
        if is_number && has_mark {
            found.push(pid);
        }
    }
    found
}

fn long() -> Scene {
    let mut scene = Scene::script(LONG);
    let mark = format!("MARK={}", scene.sandbox.upper.display());
    scene.direct().env.push(mark);
    scene
}

#[track_caller]
fn assert_gone_soon(scene: &Scene) {
    let until = Instant::now() + Duration::from_secs(10);
    while !processes_of(scene).is_empty() {
        assert!(Instant::now() < until, "left: {:?}", processes_of(scene));
        std::thread::sleep(Duration::from_millis(5));
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(scene.temp.path().to_str().unwrap()));
    // With the last mount, its directories are free.
    fs::remove_dir_all(&scene.sandbox.work).unwrap();
}

fn containers_are_killed_with_their_parent() {
    if !can_run("kill -9 of the program") {
        return;
    }
    // With the change of the user, the kernel forgets what else is to happen.
    for user in ["", "user"] {
        let mut scene = long();
        scene.direct().user = user.into();
        let spec = scene.temp.path().join("spec.json");
        fs::write(&spec, serde_json::to_vec(&scene.sandbox).unwrap()).unwrap();
        let helper = Helper::start(&spec);
        wait_until(|| processes_of(&scene).len() == 4);
        let monitor = children_of(helper.0.id());
        assert_eq!(monitor.len(), 1);
        drop(helper);
        assert_gone_soon(&scene);
        assert!(!is_alive(&monitor[0]));
    }
}

/// A stage lives as long as its container, and `/proc` shows its environment.
fn stages_have_no_environment_of_the_user() {
    if !can_run("the environment of stages") {
        return;
    }
    let scene = long();
    let spec = scene.temp.path().join("spec.json");
    fs::write(&spec, serde_json::to_vec(&scene.sandbox).unwrap()).unwrap();
    let helper = Helper::start(&spec);
    wait_until(|| processes_of(&scene).len() == 4);
    let monitor = children_of(helper.0.id()).pop().unwrap();
    let environment = |pid: &str| fs::read(format!("/proc/{pid}/environ")).unwrap();
    assert!(!environment(&helper.0.id().to_string()).is_empty());
    assert!(environment(&monitor).is_empty());
}

/// This program as one that starts a container; killed when it is dropped.
struct Helper(Child);

impl Helper {
    fn start(spec: &Path) -> Self {
        let mut command = Command::new("/proc/self/exe");
        let command = command.arg("--run").arg(spec).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[track_caller]
fn wait_until(condition: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < until, "it takes too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns whether it still runs; its parent may be late to reap it.
fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| !"ZX".contains(state))
}

/// The processes that a process has started.
fn children_of(parent: u32) -> Vec<String> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let all = all.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_child = |pid: &String| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        after_name.split_whitespace().nth(1) == Some(&parent.to_string())
    };
    all.filter(is_child).collect()
}

fn it_ends_when_it_is_killed() {
    if !can_run("killing") {
        return;
    }
    let scene = long();
    let mut running = scene.start();
    let mut stdout = BufReader::new(running.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    assert_eq!(running.wait_for(Duration::from_millis(20)).unwrap(), None);
    let killer = running.killer();
    std::thread::spawn(move || killer.kill());
    assert_eq!(running.wait().unwrap(), Exit::Code(137));
    // Not soon, but already.
    assert!(processes_of(&scene).is_empty());
    assert_gone_soon(&scene);
    running.kill();
    assert_eq!(running.wait().unwrap(), Exit::Code(137));
}

fn it_ends_when_it_is_dropped() {
    if !can_run("dropping") {
        return;
    }
    let scene = long();
    let mut running = scene.start();
    let mut stdout = BufReader::new(running.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    drop(running);
    assert!(processes_of(&scene).is_empty());
    assert_gone_soon(&scene);
    // At once, too, when nothing of it may be there yet.
    for delay in [0, 1, 2, 4, 8, 16] {
        let scene = long();
        let running = scene.start();
        std::thread::sleep(Duration::from_millis(delay));
        drop(running);
        assert_gone_soon(&scene);
    }
}

fn the_first_process_ends_all_others() {
    if !can_run("the end of the first process") {
        return;
    }
    let mut scene = long();
    scene.direct().argv[2] = "sleep 4711 & echo started; exit 3".into();
    let outcome = scene.run();
    assert_eq!(outcome.exit, Exit::Code(3), "{outcome:?}");
    assert_gone_soon(&scene);
}

fn a_signal_reaches_the_first_process() {
    if !can_run("signals") {
        return;
    }
    let scene =
        Scene::script("trap 'echo got it; exit 5' TERM; echo ready; while :; do sleep 0.01; done");
    let mut running = scene.start();
    let mut stdout = BufReader::new(running.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    running.killer().signal(Signal::TERM).unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(
        (rest.as_str(), running.wait().unwrap()),
        ("got it\n", Exit::Code(5))
    );
    let err = running.killer().signal(Signal::TERM).unwrap_err();
    assert_eq!(err.kind(), std::io::ErrorKind::NotFound);
}

fn the_thread_that_started_it_may_end() {
    if !can_run("ending threads") {
        return;
    }
    let scene = Scene::script("sleep 0.2; echo alive");
    let mut running = std::thread::scope(|scope| scope.spawn(|| scene.start()).join().unwrap());
    let mut out = String::new();
    running
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    assert_eq!(
        (out.as_str(), running.wait().unwrap()),
        ("alive\n", Exit::Code(0))
    );
}

fn supervised_programs_are_killed_with_their_parent() {
    let place = temporary();
    let mark = place.path().to_str().unwrap();
    let there = || marked(&format!("MARK={mark}")).len();
    let parent = start_parent("--supervise", LONG, mark);
    // The parent, the supervisor, and three that sleep, of which one may be the shell.
    wait_until(|| there() >= 5);
    drop(parent);
    wait_until(|| there() == 0);

    // The supervisor may be killed before.
    let parent = start_parent("--supervise", "exec sleep 4711", mark);
    wait_until(|| there() == 3);
    let supervisor = children_of(parent.0.id()).pop().unwrap();
    kill(&supervisor);
    wait_until(|| there() <= 1);
    drop(parent);
}

fn supervised_programs_are_killed_without_process_handles() {
    let place = temporary();
    let mark = place.path().to_str().unwrap();
    let there = || marked(&format!("MARK={mark}")).len();
    let parent = start_parent("--supervise-without-handles", "exec sleep 4711", mark);
    wait_until(|| there() == 2);
    drop(parent);
    wait_until(|| there() == 0);
}

/// Starts this program as the parent of a supervised script.
fn start_parent(how: &str, script: &str, mark: &str) -> Helper {
    let mut command = Command::new("/proc/self/exe");
    let command = command.args([how, script]).env("MARK", mark);
    Helper(command.stdout(Stdio::null()).spawn().unwrap())
}

fn kill(pid: &str) {
    let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
}

fn exit_codes_of_supervised_programs_are_passed_on() {
    for (script, code) in [("exit 7", 7), ("kill -TERM $$", 143), ("true", 0)] {
        let mut command = Command::new("/proc/self/exe");
        let status = command.args(["--supervise", script]).status().unwrap();
        assert_eq!(status.code(), Some(code), "{script}");
    }
}
