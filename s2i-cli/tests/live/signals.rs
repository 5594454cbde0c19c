//! Stopping `s2i`: gently in every phase and command, at once, by accident, by force.

use std::{
    fs::{self, File},
    io::{self, PipeWriter, Read as _, Write as _},
    net::TcpListener,
    os::fd::AsFd,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    io::ioctl_fionread,
    process::{Pid, Signal, kill_process},
};

use crate::{
    harness::{Live, live, live_alone, live_native_alone, skip},
    images::{Entry, Recipe},
    process::{Done, Running},
    stalls::{self, Daemon},
};

/// The time limit of an acknowledgement on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(2);

/// The time limit of a cleanup.
const PROMPT: Duration = Duration::from_secs(10);

/// The instructions of a build that does not end by itself.
const LONG: &str = "sleep 60";

/// Waits until a condition holds.
fn wait_until(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PROMPT, "it does not come to that");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until a process has filled a pipe that is not read.
fn wait_until_full(pipe: impl AsFd) {
    let mut before = 0;
    wait_until(|| {
        let bytes = ioctl_fionread(&pipe).unwrap();
        let is_full = bytes > 0 && bytes == before;
        before = bytes;
        is_full
    });
}

/// Sends SIGINT, and makes sure that it is acknowledged, that `s2i` ends soon, and that nothing is left.
fn interrupt(live: &Live, running: Running) -> Done {
    let (done, time) = interrupt_and_wait(live, running);
    assert!(time < PROMPT, "{time:?}");
    done
}

/// The same for an end that may take the engine a while; returns the time until it as well.
fn interrupt_and_wait(live: &Live, running: Running) -> (Done, Duration) {
    let sent = Instant::now();
    running.signal(Signal::INT);
    let acknowledged = running.wait_for("stopping (Ctrl-C)");
    let done = running.finish().ends_with(130).says("error: stopped by");
    assert!(acknowledged - sent < AT_ONCE, "{:?}", acknowledged - sent);
    live.nothing_left();
    assert_eq!(live.engine.unfinished(), [""; 0]);
    let time = done.ended - sent;
    (done, time)
}

/// Interrupts a build when it comes to this phase.
fn interrupt_in(live: &Live, phase: &str, running: Running) -> Done {
    running.wait_for(&format!("==> {phase}"));
    interrupt(live, running)
}

fn stop_assemble(live: &Live, signal: Signal, name: &str, code: i32) {
    let running = live.start_build(&[], live.instructions("print ready\nsleep 60"));
    let ready = running.wait_for("ready");
    running.signal(signal);
    let done = running.finish().ends_with(code).says("error: stopped");
    let done = done.says(&format!("stopping ({name})"));
    let took = done.ended - ready;
    assert!(took < PROMPT, "{took:?}");
    live.nothing_left();
}

#[test]
fn ctrl_c_stops_assemble() {
    let Some(live) = live() else { return };
    stop_assemble(&live, Signal::INT, "Ctrl-C", 130);
}

#[test]
fn sigterm_stops_assemble() {
    let Some(live) = live() else { return };
    stop_assemble(&live, Signal::TERM, "SIGTERM", 143);
}

#[test]
fn closed_terminal_stops_assemble() {
    let Some(live) = live() else { return };
    stop_assemble(&live, Signal::HUP, "SIGHUP", 129);
}

#[test]
fn ctrl_c_stops_a_fetch() {
    let Some(live) = live_alone() else { return };
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git://{}/app.git", server.local_addr().unwrap());
    let running = live.start_build(&[], url);
    let (_connection, _) = server.accept().unwrap();
    interrupt_in(&live, "source", running);
}

#[test]
fn ctrl_c_stops_a_pull_that_stalls_or_trickles() {
    let Some(live) = live_alone() else { return };
    if live.engine.is_podman() {
        return skip("Podman speaks TLS to every registry that its configuration does not name");
    }
    for server in [stalls::silent(), stalls::trickling()] {
        let image = format!("{server}/team/builder");
        let source = live.instructions(LONG);
        let options = ["--pull-policy", "always"];
        let running = live.spawn(live.build_args(&image, &options, source.as_ref()));
        running.wait_for("pulling");
        interrupt_in(&live, "images", running);
        let running = live.spawn(["pull", &image]);
        running.wait_for("pulling");
        interrupt(&live, running);
    }
}

#[test]
fn ctrl_c_stops_the_unpacking_of_a_layer() {
    let Some(live) = live_native_alone("a daemon unpacks before a build") else {
        return;
    };
    let image = live.image("large");
    let archive = live.path("large.tar");
    stalls::image_of_zeros(&image, &archive);
    live.s2i(["load", "-i", archive.to_str().unwrap()])
        .succeeds();
    let source = live.instructions(LONG);
    let running = live.spawn(live.build_args(&image, &[], source.as_ref()));
    interrupt_in(&live, "start", running);
    let running = live.spawn(["run", &image]);
    wait_until(|| !live.engine.unfinished().is_empty());
    interrupt(&live, running);
}

#[test]
fn ctrl_c_stops_an_upload() {
    let Some(live) = live_alone() else { return };
    let source = live.instructions(LONG);
    // Holes: large to read, nothing on the disk.
    let large = File::create(source.join("large")).unwrap();
    large.set_len(8 << 30).unwrap();
    let running = live.start_build(&[], &source);
    interrupt_in(&live, "upload", running).never_says("==> assemble");
    fs::remove_file(source.join("large")).unwrap();
    for number in 0..20_000 {
        fs::write(source.join(number.to_string()), "text").unwrap();
    }
    let running = live.start_build(&[], &source);
    interrupt_in(&live, "upload", running);
}

#[test]
fn ctrl_c_stops_artifacts_and_assemble_runtime() {
    let Some(live) = live_alone() else { return };
    let runtime = live.load("runtime", &Recipe::runtime());
    let lines = "make-artifacts 100 1000000\nwrite /app/runtime-instructions sleep 60";
    let options = ["--runtime-image", &runtime, "--runtime-artifact", "/app"];
    for phase in ["artifacts", "assemble-runtime"] {
        let running = live.start_build(&options, live.instructions(lines));
        interrupt_in(&live, phase, running);
    }
}

#[test]
fn ctrl_c_stops_save_artifacts() {
    let Some(live) = live_alone() else { return };
    let recipe = Recipe::builder().with("usr/libexec/s2i/save-artifacts", Entry::Program);
    let builder = live.load("saving", &recipe);
    let source = live.instructions("write /app/save-instructions sleep 60");
    let app = live.image("app");
    let mut args = vec!["build", "--copy", "--no-cache", "--incremental"];
    args.extend([
        "--network",
        "none",
        source.to_str().unwrap(),
        &builder,
        &app,
    ]);
    live.s2i(&args).succeeds();
    let before = live.engine.image(&app).unwrap().id;
    let running = live.spawn(&args);
    running.wait_for("save-artifacts runs");
    running.signal(Signal::INT);
    running.wait_for("stopping (Ctrl-C)");
    running.finish().ends_with(130);
    assert_eq!(live.engine.image(&app).unwrap().id, before);
    assert_eq!(live.engine.unfinished(), [""; 0]);
}

#[test]
fn ctrl_c_stops_cleaning_and_committing() {
    let Some(live) = live_alone() else { return };
    let source = live.instructions("make-artifacts 300 1000000");
    for phase in ["clean", "commit"] {
        let running = live.start_build(&["--no-cache"], &source);
        running.wait_for(&format!("==> {phase}"));
        if live.engine.is_native() {
            interrupt(&live, running);
        } else {
            // A daemon that has begun to commit is waited for.
            interrupt_and_wait(&live, running);
        }
    }
}

#[test]
fn ctrl_c_stops_usage() {
    let Some(live) = live_alone() else { return };
    let recipe = Recipe::builder().with("usr/libexec/s2i/usage", Entry::Program);
    let recipe = recipe.with(
        "usage-instructions",
        Entry::Text(0o644, "eprint ready\nsleep 60"),
    );
    let builder = live.load("usage", &recipe);
    let running = live.spawn(["usage", &builder]);
    running.wait_for("ready");
    interrupt(&live, running);
}

#[test]
fn ctrl_c_stops_a_push_and_a_login() {
    let Some(live) = live_alone() else { return };
    let server = stalls::silent();
    let name = format!("{server}/team/app:1");
    live.s2i(["tag", live.builder(), &name]).succeeds();
    let running = live.spawn(["push", &name]);
    running.wait_for("pushing");
    interrupt(&live, running);
    live.s2i(["rmi", &name]).succeeds();
    let password = live.path("password");
    fs::write(&password, "secret\n").unwrap();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let registry = server.local_addr().unwrap().to_string();
    let mut command = live.command();
    command.args(["login", "-u", "me", "--password-stdin", &registry]);
    let running = Running::start_with(&mut command, File::open(password).unwrap().into());
    let (_connection, _) = server.accept().unwrap();
    interrupt(&live, running);
}

/// Starts to load an archive from a pipe.
fn start_load(live: &Live) -> (Running, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    let mut command = live.command();
    command.args(live.engine.options()).arg("load");
    (Running::start_with(&mut command, reader.into()), writer)
}

#[test]
fn ctrl_c_stops_a_load_from_a_pipe_and_of_a_bomb() {
    let Some(live) = live_alone() else { return };
    let (running, mut writer) = start_load(&live);
    // A directory, and a file that does not come.
    let mut header = tar::Header::new_ustar();
    header.set_path("oci-layout").unwrap();
    header.set_size(1 << 20);
    header.set_cksum();
    writer.write_all(header.as_bytes()).unwrap();
    wait_until(|| ioctl_fionread(&writer).unwrap() == 0);
    interrupt(&live, running);
    drop(writer);
    let (running, mut writer) = start_load(&live);
    let bomb = stalls::zeros();
    // More than a pipe takes: the rest of it was read.
    let (begin, rest) = bomb.split_at(1 << 20);
    writer.write_all(begin).unwrap();
    thread::scope(|scope| {
        // It fails when the command ends.
        scope.spawn(move || drop(writer.write_all(rest)));
        if live.engine.is_podman() {
            // It decompresses all of it before it answers.
            let (done, _) = interrupt_and_wait(&live, running);
            done.says("waiting for the engine at ");
        } else {
            interrupt(&live, running);
        }
    });
}

/// `s2i` whose output is not read before its end.
struct Unread(Child);

impl Unread {
    fn start(command: &mut Command) -> Self {
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped());
        Self(piped.stderr(Stdio::piped()).spawn().unwrap())
    }

    fn signal(&self) {
        kill_process(Pid::from_child(&self.0), Signal::INT).unwrap();
    }

    /// Sends one signal or as many as it takes, and returns the status and what was written to standard error.
    fn stop(mut self, is_repeated: bool) -> (i32, String) {
        let start = Instant::now();
        self.signal();
        let status = loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > PROMPT {
                self.0.kill().unwrap();
                panic!("it hangs");
            }
            thread::sleep(Duration::from_millis(50));
            if is_repeated {
                self.signal();
            }
        };
        let mut stderr = String::new();
        self.0
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        (status.code().unwrap(), stderr)
    }
}

#[test]
fn ctrl_c_stops_an_export_that_is_not_read() {
    let Some(live) = live_alone() else { return };
    let mut command = live.command();
    command.args(live.engine.options());
    let exporting = Unread::start(command.args(["export", live.builder()]));
    wait_until_full(exporting.0.stdout.as_ref().unwrap());
    let (code, stderr) = exporting.stop(false);
    assert_eq!(code, 130, "{stderr}");
    assert!(stderr.starts_with("stopping (Ctrl-C)"), "{stderr}");
    assert_eq!(live.engine.unfinished(), [""; 0]);
}

#[test]
fn repeated_signals_end_a_program_that_hangs() {
    let Some(live) = live_alone() else { return };
    // The one thread of the runtime waits for a reader that reads nothing.
    let source = live.instructions("print begin\nlines 100000\nsleep 60");
    let mut command = live.command();
    command.args(live.engine.options());
    command.args(live.build_args(live.builder(), &[], source.as_ref()));
    let hanging = Unread::start(&mut command);
    live.container();
    wait_until_full(hanging.0.stderr.as_ref().unwrap());
    let (code, stderr) = hanging.stop(true);
    assert_eq!(code, 130, "{stderr}");
    live.wait_until_no_container();
    // The next use of the store removes what stayed.
    live.s2i(["images"]).succeeds();
    live.nothing_left();
    assert_eq!(live.engine.unfinished(), [""; 0]);
}

#[test]
fn second_signal_lists_the_resources_left_behind() {
    let Some(live) = live_alone() else { return };
    let source = live.instructions("make-artifacts 30000 1\nprint ready\nsleep 60");
    let running = live.start_build(&[], source);
    running.wait_for("ready");
    running.signal(Signal::INT);
    running.wait_for("stopping (Ctrl-C); press it again to leave at once");
    running.signal(Signal::TERM);
    let done = running
        .finish()
        .ends_with(143)
        .says("left at once (SIGTERM)");
    let done = done.never_says("error:");
    if live.engine.is_native() {
        done.says("left behind: unfinished files in `");
        assert_eq!(live.engine.unfinished().len(), 1);
    } else {
        done.says("left behind: the container `s2i_");
    }
    live.wait_until_no_container();
    live.s2i(["images"]).succeeds();
    live.nothing_left();
    assert_eq!(live.engine.unfinished(), [""; 0]);
}

/// Builds, and loads the result into a daemon.
fn deliver(live: &Live, daemon: &Daemon, source: &Path) -> Running {
    let load = format!("--load={}", daemon.url);
    live.start_build(&["--no-cache", &load], source)
}

#[test]
fn ctrl_c_stops_a_load_into_a_daemon_or_waits_for_it() {
    let Some(live) = live_native_alone("only the embedded engine loads its results into others")
    else {
        return;
    };
    let source = live.instructions("copy /app");
    // More than sockets take without a reader: what they have got counts as sent.
    let large = fs::File::create(source.join("large")).unwrap();
    large.set_len(64 << 20).unwrap();
    // One that takes nothing of it.
    let daemon = Daemon::start(0);
    let running = deliver(&live, &daemon, &source);
    daemon.wait_for_load();
    running.signal(Signal::INT);
    running.wait_for("stopping (Ctrl-C)");
    running.finish().ends_with(130).says("error: stopped by");
    assert_eq!(live.engine.unfinished(), [""; 0]);
    // One that takes all and answers later.
    let daemon = Daemon::start(u64::MAX);
    let running = deliver(&live, &daemon, &source);
    daemon.wait_for_load();
    running.signal(Signal::INT);
    running.wait_for("stopping (Ctrl-C)");
    running.wait_for("waiting for the engine at ");
    daemon.answer();
    running.finish().succeeds();
    assert_eq!(live.engine.unfinished(), [""; 0]);
}

#[test]
fn container_ends_when_s2i_is_killed() {
    let Some(live) = live() else { return };
    let running = live.start_build(&[], live.instructions("print ready\nsleep 100"));
    running.wait_for("ready");
    live.container();
    running.signal(Signal::KILL);
    let done = running.finish();
    assert!(!done.status.success());
    live.wait_until_no_container();
    live.nothing_left();
}

#[test]
fn container_ends_when_s2i_is_killed_in_an_upload() {
    let Some(live) = live() else { return };
    let source = live.source(&[("small", "text")]);
    let large = fs::File::create(source.join("large")).unwrap();
    large.set_len(8 << 30).unwrap();
    let running = live.start_build(&[], &source);
    running.wait_for("==> upload");
    running.signal(Signal::KILL);
    running.finish();
    live.wait_until_no_container();
    live.nothing_left();
}
