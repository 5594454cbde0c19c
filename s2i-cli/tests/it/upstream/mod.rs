//! Scenarios of the Go tool's own tests that need no engine. The table is in `tests/live/upstream`.

mod configuration;
mod dockerfile;
mod flags;
mod tls;

use std::{fs, path::PathBuf, process::Command};

use tempfile::TempDir;

/// A directory for the command, which finds no engine.
struct Place(TempDir);

/// A command that has ended.
struct Done {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("tmp")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Makes a repository of a directory, with one commit.
    fn commit(&self, dir: &str) {
        for args in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["add", "--all"],
            &["commit", "--quiet", "--message", "First state"],
        ] {
            let mut git = Command::new("git");
            git.args(args).current_dir(self.path(dir));
            git.env("GIT_CONFIG_GLOBAL", "/dev/null");
            git.env("GIT_CONFIG_SYSTEM", "/dev/null");
            for who in ["AUTHOR", "COMMITTER"] {
                git.env(format!("GIT_{who}_NAME"), "Ada Lovelace");
                git.env(format!("GIT_{who}_EMAIL"), "ada@example.org");
                git.env(format!("GIT_{who}_DATE"), "2001-02-03T04:05:06Z");
            }
            let output = git.output().unwrap();
            assert!(output.status.success(), "{output:?}");
        }
    }

    /// The command without the environment of the test.
    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_s2i"));
        command.env_clear().env("HOME", self.0.path());
        command.env("TMPDIR", self.path("tmp"));
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("DOCKER_HOST", "unix:///nothing/listens/here");
        command.current_dir(self.0.path());
        command
    }

    fn s2i(&self, args: &[&str]) -> Done {
        Self::done(self.command().args(args))
    }

    fn done(command: &mut Command) -> Done {
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Done {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

impl Done {
    #[track_caller]
    fn ends_with(self, code: i32) -> Self {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(self.code, Some(code), "{stdout}\n{stderr}");
        self
    }

    #[track_caller]
    fn warns(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no `{text}` in {}", self.stderr);
        self
    }
}
