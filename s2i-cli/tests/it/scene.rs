//! The command in a directory of its own, with the model of an engine where a test needs one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::daemon::{BUILDER, Daemon, Knobs};

/// The arguments of a build that the model carries out.
pub(crate) const BUILD: [&str; 4] = ["build", "app", "s2i/go", "web"];

/// A directory with a source in `app`, and the command in it.
pub(crate) struct Scene {
    dir: TempDir,
    engine: Option<(Daemon, Runtime)>,
}

/// A command that has ended. Its streams have `DIR` in place of the directory of the scene.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Scene {
    /// Creates a scene in which no engine listens.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let scene = Self { dir, engine: None };
        fs::create_dir(scene.path("tmp")).unwrap();
        scene.write("app/main.go", "package main");
        scene.write("app/secret.key", "key");
        scene.write("app/.s2iignore", "*.key\n");
        scene
    }

    /// Creates a scene with the model of a Docker daemon.
    pub(crate) fn with_engine(knobs: Knobs) -> Self {
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
        let daemon = runtime.block_on(async { Daemon::start(knobs) });
        daemon.model().images.insert(BUILDER.into());
        Self {
            engine: Some((daemon, runtime)),
            ..Self::new()
        }
    }

    /// Creates a scene with the model of a Docker daemon for builds. Returns `None`, and reports the test as
    /// skipped, if this s2i has no agent for the containers of the model.
    pub(crate) fn with_builds(knobs: Knobs) -> Option<Self> {
        let agents = s2i_agent_bin::agents();
        if agents.is_ok_and(|agents| agents.amd64.is_some()) {
            return Some(Self::with_engine(knobs));
        }
        crate::report::skip("this s2i has no agent for amd64: `cargo xtask dist` builds it");
        let is_required = std::env::var_os("S2I_TEST_REQUIRE_LIVE").is_some();
        assert!(
            !(is_required && cfg!(target_arch = "x86_64")),
            "there is no agent"
        );
        None
    }

    pub(crate) fn daemon(&self) -> &Daemon {
        let (daemon, _) = self.engine.as_ref().expect("a scene with an engine");
        daemon
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The sorted names in a directory.
    pub(crate) fn names(&self, dir: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(dir)).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Runs Git without the configuration of this machine.
    pub(crate) fn git(&self, dir: &str, args: &[&str]) {
        let mut git = Command::new("git");
        git.args(args).current_dir(self.path(dir));
        git.env("GIT_CONFIG_GLOBAL", "/dev/null");
        git.env("GIT_CONFIG_SYSTEM", "/dev/null");
        let output = git.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// The command with the engine of the scene and without the environment of the test.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_s2i"));
        command.env_clear().env("HOME", self.dir.path());
        command.env("TMPDIR", self.path("tmp"));
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let socket = match &self.engine {
            Some((daemon, _)) => daemon.socket(),
            None => "/nothing/listens/here".into(),
        };
        command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
        command.stdin(Stdio::null()).current_dir(self.dir.path());
        command.args(args);
        command
    }

    pub(crate) fn s2i(&self, args: &[&str]) -> Done {
        self.done(&self.command(args).output().unwrap())
    }

    /// Returns the result of a command, which has left nothing behind.
    pub(crate) fn done(&self, output: &Output) -> Done {
        assert_eq!(self.names("tmp"), [""; 0], "temporary files are left");
        if let Some((daemon, _)) = &self.engine {
            daemon.check();
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&self.root(), "DIR");
        Done {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    fn root(&self) -> String {
        let path: &Path = self.dir.path();
        path.display().to_string()
    }
}

impl Done {
    /// Fails unless the exit code is this one.
    #[track_caller]
    pub(crate) fn ends_with(self, code: u8) -> Self {
        assert_eq!(self.code, Some(code.into()), "{self:?}");
        self
    }

    /// Fails unless standard error has this text.
    #[track_caller]
    pub(crate) fn warns(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "`{text}` is not in\n{}",
            self.stderr
        );
        self
    }

    /// The events on standard output, one a line, with a duration of 0 ms.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = without_amounts(&self.stdout);
        text.lines()
            .map(|line| {
                let mut event: Value = serde_json::from_str(line).unwrap();
                let phases = event.get_mut("phases").and_then(Value::as_array_mut);
                phases.into_iter().flatten().for_each(without_duration);
                without_duration(&mut event);
                event
            })
            .collect()
    }
}

/// Returns the lines without the events of transfers that go on, whose number depends on the time.
pub(crate) fn without_amounts(text: &str) -> String {
    let lines = text.split_inclusive('\n');
    let lines = lines.filter(|line| !line.contains("\"event\":\"transfer\""));
    lines.collect()
}

fn without_duration(event: &mut Value) {
    if let Some(duration) = event.get_mut("milliseconds") {
        *duration = 0.into();
    }
}
