//! Where the program is tried: a directory with its links, and an empty one to work in.

use std::{
    fs,
    io::Write,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

/// The program under test: the one that cargo has built, or another that is named, such as the static
/// one of the images.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("S2I_TOOLBOX")
        .unwrap_or_else(|| env!("CARGO_BIN_EXE_s2i-toolbox").into())
        .into()
}

/// The shell to compare with.
const DASH: &str = "/bin/dash";

/// After this a script hangs. Some take twenty seconds of a processor, without optimisations.
const PATIENCE: Duration = Duration::from_secs(300);

/// Two directories that go with it.
pub(crate) struct Bench {
    dir: tempfile::TempDir,
}

/// What came of a run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bench = Self { dir };
        fs::create_dir(bench.bin()).unwrap();
        fs::create_dir(bench.work()).unwrap();
        for link in include_str!("../../links.txt").lines() {
            symlink(program(), bench.bin().join(link)).unwrap();
        }
        bench
    }

    /// Where the links are.
    pub(crate) fn bin(&self) -> PathBuf {
        self.dir.path().join("bin")
    }

    /// Where programs work.
    pub(crate) fn work(&self) -> PathBuf {
        self.dir.path().join("here")
    }

    /// A tool of the program, with nothing else to be found.
    pub(crate) fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin().join(name));
        command
            .env_clear()
            .env("PATH", self.bin())
            .env("HOME", "/home/somebody")
            .current_dir(self.work());
        command
    }

    /// The program's shell with a script.
    pub(crate) fn sh(&self, script: &str) -> Ran {
        let mut command = self.tool("sh");
        run(command.args(["-c", script]), b"")
    }

    /// The distribution's shell with the distribution's tools and a script.
    pub(crate) fn dash(&self, script: &str) -> Ran {
        let mut command = Command::new(DASH);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", "/home/somebody")
            .current_dir(self.work());
        run(command.args(["-c", script]), b"")
    }
}

/// Whether there is a shell to compare with; says so when there is none.
pub(crate) fn has_dash() -> bool {
    let is_there = Path::new(DASH).exists();
    if !is_there {
        eprintln!("skipped: there is no {DASH} on this machine");
    }
    is_there
}

/// Runs a command with this input.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command may end before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input);
    // A shell that hangs is a failure like any other, and must not hang the tests.
    let (ended, wait) = mpsc::channel::<()>();
    let pid = Pid::from_child(&child);
    let guard = thread::spawn(move || {
        if wait.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = kill_process(pid, Signal::KILL);
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(ended);
    guard.join().unwrap();
    output.into()
}
